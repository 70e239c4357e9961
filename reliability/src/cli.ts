// npm run reliability -- HARNESS [--backend mmap|io_uring] [--count N] [--seed N] [--disk PROGRAM]
// Runs one harness and adds what it counted to results.json.
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { strikeLoop } from './disk/strike-loop.js'
import { sweepFaults } from './faults/sweep.js'
import { flipEveryBit } from './flips/every-bit.js'
import { flipBits } from './flips/flips.js'
import { flipLmdbBits } from './flips/lmdb-flips.js'
import { killLoop } from './kill/loop.js'
import { cutPower } from './power/cuts.js'
import { backendNamed } from './site.js'
import { soak } from './soak/soak.js'
import type { SoakSample } from './soak/worker.js'

const results = fileURLToPath(new URL('../results.json', import.meta.url))

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'mmap' },
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
    directory: { type: 'string', default: tmpdir() },
    disk: { type: 'string', default: process.env['ANNULUS_DISK'] },
  },
})

async function run(harness: string | undefined, directory: string) {
  const backend = backendNamed(values.backend)
  const seed = Number(values.seed)
  const count = (usual: number) => Number(values.count ?? usual)
  if (harness === 'kill') {
    return { backend, ...(await killLoop({ backend, cycles: count(2_000), seed, directory })) }
  }
  if (harness === 'power') return cutPower({ states: count(100_000), seed, directory })
  if (harness === 'faults') return sweepFaults({ directory, step: count(1) })
  if (harness === 'bits') return flipEveryBit({ directory, step: count(1) })
  if (harness === 'lmdb-flips') return flipLmdbBits(directory, count(499))
  if (harness === 'flips') {
    return { backend, ...(await flipBits({ backend, directory, step: count(1) })) }
  }
  if (harness === 'cuts' || harness === 'disk-faults') {
    const strike = harness === 'cuts' ? 'cut' : 'fault'
    const options = { program: diskProgram(), backend, strike, seed, directory } as const
    return { backend, ...(await strikeLoop({ ...options, strikes: count(1_000) })) }
  }
  if (harness === 'soak') {
    const onSample = (sample: SoakSample) => console.error(JSON.stringify(sample))
    const options = { backend, seconds: count(3_600), seed, directory, onSample }
    return { backend, ...(await soak(options)) }
  }
  throw new Error(`there is no harness ${harness}; see reliability/README.md`)
}

function diskProgram(): string {
  if (values.disk !== undefined) return values.disk
  throw new Error('name the program that mounts a disk with --disk or ANNULUS_DISK; see the README')
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
}

const directory = await mkdtemp(join(values.directory, 'annulus-reliability-'))
const harness = positionals[0]
const report = await run(harness, directory)
const date = new Date().toISOString().slice(0, 10)
const entry = {
  date,
  commit: commit(),
  node: process.version,
  harness,
  seed: values.seed,
  ...report,
}
const before: unknown[] = JSON.parse(await readFile(results, 'utf8'))
await writeFile(results, `${JSON.stringify([...before, entry], undefined, 2)}\n`)
console.log(JSON.stringify(entry, undefined, 2))
if (report.problems.length > 0) process.exitCode = 1
else await rm(directory, { recursive: true, force: true })
