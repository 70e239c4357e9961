// Rows a second that a store has promised to keep, in batches of 1, 100 and 10,000, one caller; and for
// Annulus with 32 callers of one row each, who share commits. With the disk syncs that the system saw.
//
//   node benchmarks/durability.mjs [--dimension 768] [--stores "annulus sync,lancedb,…"] [--dir DIR]
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stores } from './peers/durable.mjs'

const cases = [
  { batch: 1, callers: 1, rows: 200 },
  { batch: 1, callers: 32, rows: 2_000 },
  { batch: 100, callers: 1, rows: 3_000 },
  { batch: 10_000, callers: 1, rows: 20_000 },
]

const { values: options } = parseArgs({
  options: {
    dimension: { type: 'string', default: '768' },
    stores: { type: 'string', default: Object.keys(stores).join(',') },
    dir: { type: 'string', default: tmpdir() },
    one: { type: 'string' },
    syncs: { type: 'boolean', default: false },
  },
})
const dimension = Number(options.dimension)

/** One store and one case, in a process of its own. */
async function measure(name, { batch, callers, rows }, path) {
  const store = await stores[name](path, dimension)
  let seed = 1
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647 - 0.5
  }
  const made = Array.from({ length: batch }, () => Float32Array.from({ length: dimension }, random))
  await store.add(rows, made)
  let next = 0
  const start = process.hrtime.bigint()
  const caller = async () => {
    while (next < rows) {
      const first = next
      next += batch
      await store.add(first + rows + batch, made)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  await store.finish?.()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  await store.close()
  return { rowsPerSecond: rows / seconds, milliseconds: (seconds * 1e3 * batch) / rows }
}

/** Runs a case in a child, under strace where its syncs are to be counted. */
function run(name, each) {
  const path = mkdtempSync(join(options.dir, 'annulus-durability-'))
  const trace = join(path, 'trace')
  const data = join(path, 'data')
  mkdirSync(data)
  const args = [
    process.argv[1],
    '--dimension',
    options.dimension,
    '--one',
    JSON.stringify({ name, each, path: data }),
  ]
  const calls = 'trace=fsync,fdatasync,msync,sync_file_range,sync,syncfs'
  const [command, ...rest] = options.syncs
    ? ['strace', '-f', '-qq', '-e', calls, '-o', trace, process.execPath, ...args]
    : [process.execPath, ...args]
  const child = spawnSync(command, rest, { encoding: 'utf8' })
  const syncs = options.syncs ? readFileSync(trace, 'utf8').match(/sync\(/g)?.length : undefined
  rmSync(path, { recursive: true })
  if (child.status !== 0) return { error: child.stderr.trim().split('\n').at(-1) }
  return { ...JSON.parse(child.stdout.trim().split('\n').at(-1)), syncs }
}

if (options.one !== undefined) {
  const { name, each, path } = JSON.parse(options.one)
  console.log(JSON.stringify(await measure(name, each, path)))
} else {
  console.log('| store | batch | callers | rows/s | ms a batch | syncs in the run |')
  console.log('|---|---:|---:|---:|---:|---:|')
  for (const name of options.stores.split(',')) {
    for (const each of cases) {
      if (each.callers > 1 && !name.startsWith('annulus')) continue
      const { rowsPerSecond = 0, milliseconds = 0, syncs = '', error } = run(name, each)
      const figures =
        error ?? `${Math.round(rowsPerSecond)} | ${milliseconds.toFixed(2)} | ${syncs}`
      console.log(`| ${name} | ${each.batch} | ${each.callers} | ${figures} |`)
    }
  }
}
