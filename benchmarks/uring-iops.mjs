// Random rescoring reads through @annulus/storage-uring, beside fio on the same file.
//
//   node benchmarks/uring-iops.mjs [--gib 1] [--batch 40] [--calls 1,16,…] [--seconds 3] [--rounds 3]
//                                  [--variants direct,buffered,depth32,pread,…] [--fio]
//
// A batch is what one call asks for, `calls` are in flight at once; `pread` does without a ring.
// Every round runs each variant once, so that what else the machine does falls on all of them alike;
// printed is the median. CPU is that of this process: 100 % is one core.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { isSupported, uringStorage } from '../packages/storage-uring/dist/index.js'
import { median } from './median.mjs'

const dimension = 768
const vectorBytes = dimension * 4

// Past the page cache, as for vectors that do not fit into memory; `auto` would find this file cached.
const direct = { direct: true }
const variants = {
  direct,
  auto: {},
  buffered: { direct: false },
  depth16: { ...direct, queueDepth: 16 },
  depth32: { ...direct, queueDepth: 32 },
  depth64: { ...direct, queueDepth: 64 },
  depth128: { ...direct, queueDepth: 128 },
  'no-taskrun': { ...direct, tuning: { taskrun: false } },
  'no-files': { ...direct, tuning: { registeredFiles: false } },
  'no-buffers': { ...direct, tuning: { registeredBuffers: false } },
  'no-merge': { ...direct, tuning: { mergeGap: 0 } },
  'no-join': { ...direct, tuning: { joinReads: false } },
  pread: direct,
}

const { values: given } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    batch: { type: 'string', default: '40' },
    calls: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    variants: { type: 'string', default: 'direct' },
    fio: { type: 'boolean', default: false },
  },
})
const [gib, batch, seconds, rounds] = ['gib', 'batch', 'seconds', 'rounds'].map((name) =>
  Number(given[name]),
)

/** Marsaglia's xorshift: the same slots in every run. */
function randomOf(seed) {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

async function fill(path) {
  const slots = Math.floor((gib * 2 ** 30) / vectorBytes)
  const storage = await uringStorage().open({ path, dimension })
  const random = randomOf(1)
  const chunk = Float32Array.from({ length: 4096 * dimension }, () => random(2000) / 1000 - 1)
  for (let slot = storage.slots; slot < slots; slot += 4096) {
    chunk[0] = slot
    await storage.write(slot, chunk.subarray(0, Math.min(4096, slots - slot) * dimension))
    if (process.stderr.isTTY) {
      process.stderr.write(`\rwriting ${Math.floor((100 * slot) / slots)} % of ${gib} GiB `)
    }
  }
  await storage.flush()
  await storage.close()
  if (process.stderr.isTTY) process.stderr.write('\r')
}

async function measure(path, name, calls) {
  process.env.ANNULUS_URING_DENY = name === 'pread' ? 'EPERM' : ''
  const options = variants[name]
  const storage = await uringStorage(options).open({ path, dimension })
  const random = randomOf(7)
  const query = Float32Array.from({ length: dimension }, () => random(2000) / 1000 - 1)
  const latencies = []
  let running = true
  const caller = async () => {
    while (running) {
      const slots = Uint32Array.from({ length: batch }, () => random(storage.slots))
      const begun = performance.now()
      await storage.score(query, slots, 'cosine')
      latencies.push(performance.now() - begun)
    }
  }
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [cpu, begun, before] = [process.cpuUsage(), performance.now(), storage.stats()]
  const callers = Array.from({ length: calls }, caller)
  setTimeout(() => {
    running = false
  }, seconds * 1000)
  await Promise.all(callers)
  const elapsed = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const after = storage.stats()
  delay.disable()
  await storage.close()
  latencies.sort((a, b) => a - b)
  const reads = after.reads - before.reads
  return {
    iops: reads / elapsed,
    'vectors/s': (after.vectors - before.vectors) / elapsed,
    'cpu %': (user + system) / 1e4 / elapsed,
    'calls/read': (after.systemCalls - before.systemCalls) / reads,
    'in flight': after.inFlightMax,
    'mean ms': latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length,
    'p50 ms': latencies[Math.floor(latencies.length / 2)],
    'p99 ms': latencies[Math.floor(latencies.length * 0.99)],
    'loop p99 ms': delay.percentile(99) / 1e6 - 1,
    fallback: after.fallback,
  }
}

function fio(path) {
  const file = join(
    path,
    readdirSync(path).find((name) => name.endsWith('.seg')),
  )
  // biome-ignore format: one option after the other
  const output = execFileSync('fio', [
    '--name=rescore', `--filename=${file}`, '--rw=randread', '--ioengine=io_uring', '--direct=1',
    `--bs=${vectorBytes}`, '--iodepth=128', '--readonly', '--time_based', '--offset=4096',
    `--runtime=${seconds}`, '--output-format=json',
  ])
  const [job] = JSON.parse(output.toString()).jobs
  const { read, usr_cpu, sys_cpu } = job
  return { iops: read.iops, 'vectors/s': read.iops, 'cpu %': usr_cpu + sys_cpu }
}

function medianOf(results) {
  const figures = {}
  for (const [name, value] of Object.entries(results[0])) {
    if (typeof value !== 'number') continue
    figures[name] = Number(median(results.map((result) => result[name])).toPrecision(4))
  }
  return figures
}

const support = isSupported()
console.log(support.supported ? 'io_uring is available' : `without a ring: ${support.reason}`)
const path = mkdtempSync(join(tmpdir(), 'annulus-iops-'))
process.on('exit', () => rmSync(path, { recursive: true, force: true }))
process.on('SIGINT', () => process.exit(130))
await fill(path)
const results = new Map()
const record = (name, result) => results.set(name, [...(results.get(name) ?? []), result])
for (let round = 0; round < rounds; round++) {
  if (given.fio) record('fio', fio(path))
  for (const calls of given.calls.split(',')) {
    for (const name of given.variants.split(',')) {
      record(`${name}, ${calls} calls`, await measure(path, name, Number(calls)))
    }
  }
}
console.table(Object.fromEntries([...results].map(([name, all]) => [name, medianOf(all)])))
