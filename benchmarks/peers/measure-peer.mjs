// One peer in its own process: builds, then searches with 1 and 8 callers at every setting; with `phase` only one of the two, so
// that a search can run under a memory limit, or `filters`, the searches of a file that filter-cases.mjs has made. Files of what was
// built before are cold when it is opened, or with `warm` in the page cache. Started by run.mjs; prints one JSON line a result.
import { readFileSync } from 'node:fs'
import { open, readdir, readFile, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { dropPageCache } from '@annulus/native'
import { openDataSet } from 'annulus'
import { batchesOf } from '../data/batches.mjs'
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
  filters,
  warm = false,
} = JSON.parse(process.argv[2])
const set = await openDataSet(data)
const queries = await set.queries()
const truth = await set.truth(limit)
const peer = await peers[name]()
const { dimension, metric, count } = set
const { rows, cases } = filters === undefined ? {} : JSON.parse(await readFile(filters, 'utf8'))
const options = { rows, path, dimension, metric, count, m, efConstruct }
const recallWanted = 0.95
const print = (row) => console.log(JSON.stringify({ peer: peer.name, set: set.name, ...row }))

const cpuSeconds = (since) => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}
const machineSeconds = () =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
async function build() {
  await rm(path, { recursive: true, force: true })
  const startedCpu = process.cpuUsage()
  const started = performance.now()
  await peer.build({ ...options, batches: batchesOf(set) })
  print({
    what: 'build',
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: cpuSeconds(startedCpu),
    rssMB: process.memoryUsage.rss() / 1e6,
    peakMB: process.resourceUsage().maxRSS / 1e3,
    blocks: peer.blocks,
  })
}

/** What lies in memory is written to the disk for a later search; after the clock has stopped. */
async function keep() {
  const started = performance.now()
  await peer.keep?.()
  await peer.close()
  print({ what: 'keep', seconds: (performance.now() - started) / 1000 })
}

/** Into one buffer, for what it allocates would count as memory of the peer. */
const block = Buffer.allocUnsafe(2 ** 20)
async function readWhole(path) {
  const file = await open(path)
  while ((await file.read(block)).bytesRead > 0);
  await file.close()
}

/** Opens what an earlier run has built, with all of its files in the page cache or none. */
async function reopen() {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    if (warm) await readWhole(file)
    else dropPageCache(file)
  }
  const started = performance.now()
  await peer.open(options)
  await peer.search(queries[0], limit, peer.settings[0])
  print({ what: 'open', warm, seconds: (performance.now() - started) / 1000 })
  await peer.settled?.()
}

/** Runs queries round and round for a while; the recall of the first round, the rate of all. */
async function run(setting, callers, forSeconds, asked = queries, prepared = []) {
  const found = []
  let next = 0
  const until = performance.now() + 1000 * forSeconds
  const caller = async () => {
    while (performance.now() < until || next < asked.length) {
      const index = next++
      const ids = await peer.search(
        asked[index % asked.length],
        limit,
        setting,
        prepared[index % asked.length],
      )
      if (index < asked.length) found[index] = ids
    }
  }
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const machine = machineSeconds()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = (performance.now() - start) / 1000
  loop.disable()
  const own = cpuSeconds(cpu)
  return {
    qps: next / elapsed,
    cpuMicros: (1e6 * own) / next,
    otherCores: (machineSeconds() - machine - own) / elapsed, // what else ran
    loopP99Ms: loop.percentile(99) / 1e6,
    loopMaxMs: loop.max / 1e6,
    found,
  }
}

const recall = (found, wanted = truth) =>
  wanted.reduce((sum, ids, i) => sum + ids.filter((id) => found[i].includes(id)).length, 0) /
  wanted.reduce((sum, ids) => sum + ids.length, 0)
async function search() {
  await run(peer.settings.at(-1), 8, 0.5)
  for (const setting of peer.settings) {
    for (const callers of [1, 8]) {
      const { found, ...figures } = await run(setting, callers, seconds)
      print({ what: 'search', setting, callers, recall: recall(found), ...figures })
    }
  }
  print({
    what: 'memory',
    rssMB: process.memoryUsage.rss() / 1e6,
    ownMB: ownMB(),
    parts: peer.memory?.(),
  })
}

/** What the system cannot take back as it can pages of files; undefined elsewhere than on Linux. */
function ownMB() {
  if (process.platform !== 'linux') return undefined
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))
  return (Number(kib[1]) * 1024) / 1e6
}

/**
 * Each filter at the smallest beam that reaches the recall, for every way the settings differ otherwise. Filters are put into the
 * peer's own form before the clock starts.
 */
async function searchFiltered() {
  await run(peer.settings.at(-1), 8, 0.5)
  const beams = [...peer.settings, ...widerOf(peer.settings)]
  for (const { kind, share, matching, filters, truth } of cases) {
    const asked = queries.slice(0, filters.length)
    const prepared = filters.map((filter) => peer.filter(filter, rows))
    const reached = new Set()
    for (const setting of beams) {
      const family = JSON.stringify({ ...setting, ef: undefined })
      if (reached.has(family)) continue
      const first = await run(setting, 1, 0, asked, prepared)
      const row = {
        what: 'filter',
        kind,
        share,
        matching,
        setting,
        recall: recall(first.found, truth),
      }
      if (row.recall < recallWanted) continue
      reached.add(family)
      for (const callers of [1, 8]) {
        const { found: _, ...figures } = await run(setting, callers, seconds, asked, prepared)
        print({ ...row, callers, ...figures })
      }
    }
    if (reached.size === 0) print({ what: 'filter', kind, share, matching, setting: 'none' })
  }
}

/** Beams that only filters need. */
const widerOf = (settings) =>
  [256, 512].flatMap((ef) =>
    settings.filter((each) => each.ef === 128).map((each) => ({ ...each, ef })),
  )

await (phase === 'search' || phase === 'filters' ? reopen() : build())
if (phase === 'build') await keep()
else {
  await (phase === 'filters' ? searchFiltered() : search())
  await peer.close()
}
process.exit(0)
