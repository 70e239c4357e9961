// One peer in its own process: builds, then searches with 1 and 8 callers at every setting; with `phase` only one
// of the two, so that a search can run under a memory limit. Started by run.mjs; prints one JSON line a result.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { dropPageCache } from '@annulus/native'
import { openDataSet } from 'annulus'
import { peers } from './peers.mjs'

const {
  peer: name,
  data,
  path,
  seconds,
  m = 16,
  efConstruct = 200,
  limit = 10,
  phase = 'both',
} = JSON.parse(process.argv[2])
const set = await openDataSet(data)
const queries = await set.queries()
const truth = await set.truth(limit)
const peer = await peers[name]()
const print = (row) => console.log(JSON.stringify({ peer: peer.name, set: set.name, ...row }))

async function* batches(size = 1000) {
  let first = 0
  let vectors = []
  for await (const { vector } of set.rows()) {
    vectors.push(vector)
    if (vectors.length < size) continue
    yield { first, vectors }
    first += vectors.length
    vectors = []
  }
  if (vectors.length > 0) yield { first, vectors }
}

const cpuSeconds = (since) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}
async function build() {
  await rm(path, { recursive: true, force: true })
  const startedCpu = process.cpuUsage()
  const started = performance.now()
  await peer.build({
    path,
    dimension: set.dimension,
    metric: set.metric,
    m,
    efConstruct,
    count: set.count,
    batches: batches(),
  })
  print({
    what: 'build',
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: cpuSeconds(startedCpu),
    rssMB: process.memoryUsage.rss() / 1e6,
    peakMB: process.resourceUsage().maxRSS / 1e3,
    blocks: peer.blocks,
  })
}

/** Opens what an earlier run has built, with none of its files in the page cache. */
async function reopen() {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) dropPageCache(join(entry.parentPath, entry.name))
  }
  const started = performance.now()
  await peer.open({ path })
  await peer.search(queries[0], limit, peer.settings[0])
  print({ what: 'open', seconds: (performance.now() - started) / 1000 })
}

/** Runs queries round and round for a while; the recall of the first round, the rate of all. */
async function run(setting, callers, forSeconds) {
  const found = []
  let next = 0
  const until = performance.now() + 1000 * forSeconds
  const caller = async () => {
    while (performance.now() < until || next < queries.length) {
      const index = next++
      const ids = await peer.search(queries[index % queries.length], limit, setting)
      if (index < queries.length) found[index] = ids
    }
  }
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = (performance.now() - start) / 1000
  loop.disable()
  return {
    qps: next / elapsed,
    cpuMicros: (1e6 * cpuSeconds(cpu)) / next,
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    found,
  }
}

const recall = (found) =>
  truth.reduce((sum, ids, i) => sum + ids.filter((id) => found[i].includes(id)).length, 0) /
  (truth.length * limit)
async function search() {
  if (phase === 'both') await run(peer.settings[0], 8, 0.5)
  for (const setting of peer.settings) {
    for (const callers of [1, 8]) {
      const { found, ...figures } = await run(setting, callers, seconds)
      print({ what: 'search', setting, callers, recall: recall(found), ...figures })
    }
  }
  print({ what: 'memory', rssMB: process.memoryUsage.rss() / 1e6 })
}

await (phase === 'search' ? reopen() : build())
if (phase !== 'build') await search()
await peer.close()
process.exit(0)
