// Opening a database, up to the first result, with its files in the page cache and without.
//
//   node benchmarks/opening.mjs --database DIR [--collection vectors] [--storages io_uring,mmap] [--rounds 5]
//     [--states cached,cold] [--after 0] [--touch 0]
//
// Each opening is a process of its own. Before a cold one all files of the database leave the page cache; no
// root needed. Printed are medians: until `open` and `collection` have resolved, until the first search
// has its result with payload, the process's memory then, from the start until all codes are loaded, and searches a
// second of one caller right after (`--after` seconds). A first pair, not counted, warms the program itself.
//
// Memory that a virtual machine has given back to its host is dear to get again (4.7 s a GiB on one), which then
// is most of what opening takes. `--touch` fills so many MiB in another process before each opening and
// frees them, so that free memory is at hand.
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { dropPageCache } from '@annulus/native'
import { mmapStorage, open, uringStorage } from 'annulus'
import { median } from './median.mjs'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    storages: { type: 'string', default: 'io_uring,mmap' },
    states: { type: 'string', default: 'cached,cold' },
    rounds: { type: 'string', default: '5' },
    after: { type: 'string', default: '0' },
    touch: { type: 'string', default: '0' },
    child: { type: 'boolean', default: false },
  },
})
if (values.database === undefined) throw new Error('name a database with --database')
const rounds = Number(values.rounds)
const storages = { io_uring: uringStorage, mmap: mmapStorage }

const files = () =>
  readdirSync(values.database, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

function cache(path) {
  const buffer = Buffer.alloc(2 ** 20)
  const file = openSync(path)
  while (readSync(file, buffer) > 0);
  closeSync(file)
}

/** In the process that is measured. */
async function openOnce() {
  const start = performance.now()
  const database = await open(values.database, { storage: storages[values.storages]() })
  const collection = await database.collection(values.collection)
  const opened = performance.now()
  const query = Float32Array.from({ length: collection.dimension }, (_, i) => Math.sin(i * 7 + 1))
  await collection.search(query, { limit: 10 })
  const first = performance.now()
  const memory = process.memoryUsage().rss
  await collection.waitForIndex()
  const loaded = performance.now()
  let searches = 0
  const until = performance.now() + Number(values.after) * 1000
  while (performance.now() < until) {
    await collection.search(query.map((value, i) => value + Math.sin(i * searches)))
    searches++
  }
  console.log(
    JSON.stringify({
      open: opened - start,
      first: first - opened,
      total: first - start,
      memory: memory / 2 ** 20,
      loaded: loaded - start,
      qps: searches / Number(values.after),
    }),
  )
  await database.close()
}

function measure(storage, state) {
  if (state === 'cold') for (const path of files()) dropPageCache(path)
  if (state === 'cached') for (const path of files()) cache(path)
  const filling = `Array.from({ length: ${values.touch} }, () => Buffer.alloc(2 ** 20, 1))`
  if (values.touch !== '0') execFileSync(process.execPath, ['-e', filling])
  const { database, collection, after } = values
  const options = { database, collection, after, storages: storage }
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const script = fileURLToPath(import.meta.url)
  return JSON.parse(execFileSync(process.execPath, [script, '--child', ...given]))
}

function report() {
  const variants = values.storages
    .split(',')
    .flatMap((storage) => values.states.split(',').map((state) => ({ storage, state, runs: [] })))
  for (let round = -1; round < rounds; round++) {
    for (const { storage, state, runs } of variants) {
      const run = measure(storage, state)
      if (round >= 0) runs.push(run)
    }
  }
  console.log(
    '| storage | files | open, ms | first result, ms | together | memory, MiB | all loaded, ms | QPS after |',
  )
  console.log('|---|---|--:|--:|--:|--:|--:|--:|')
  for (const { storage, state, runs } of variants) {
    const of = (name) => Math.round(median(runs.map((run) => run[name] ?? 0)))
    const columns = ['open', 'first', 'total', 'memory', 'loaded', 'qps'].map(of)
    console.log(`| ${storage} | ${state} | ${columns.join(' | ')} |`)
  }
}

if (values.child) await openOnce()
else report()
