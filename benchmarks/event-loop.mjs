// Does searching disturb the event loop? Its delay while idle, and with searches always in flight:
//
//   node benchmarks/event-loop.mjs --database DIR --collection NAME [--in-flight 16] [--seconds 5] [--rounds 3] [--cold]
//
// Idle and busy take turns, so that a noisy machine is noisy for both; printed are medians over rounds.
// With --cold every busy round begins with a database that was opened just now and nothing of which is in
// the page cache; payloads are not kept in memory either, so that all of them come from LMDB's file.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isUringSupported, open, storageByName } from 'annulus'
import { rateOf } from './callers.mjs'
import { forget } from './forget.mjs'
import { median } from './median.mjs'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    'in-flight': { type: 'string', default: '16' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    cold: { type: 'boolean', default: false },
  },
})
if (values.database === undefined) throw new Error('name a database with --database')
const [inFlight, seconds, rounds] = [values['in-flight'], values.seconds, values.rounds].map(Number)

/** Page faults of the event loop's thread that waited for a disk; Linux only. */
function faults() {
  if (process.platform !== 'linux') return 0
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[9])
}

/** Delay of the event loop while `work` runs, in milliseconds. */
async function delay(work) {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  const before = faults()
  loop.enable()
  await work()
  loop.disable()
  const [p50, p99] = [50, 99].map((percent) => loop.percentile(percent) / 1e6)
  return { p50, p99, max: loop.max / 1e6, faults: faults() - before }
}

for (const backend of isUringSupported().supported ? ['mmap', 'io_uring'] : ['mmap']) {
  let database
  let collection
  const reopen = async () => {
    await database?.close()
    if (values.cold) forget(values.database)
    database = await open(values.database, { storage: storageByName(backend) })
    collection = await database.collection(
      values.collection,
      values.cold ? { payloadCacheBytes: 0 } : {},
    )
    await collection.waitForIndex()
  }
  await reopen()
  const queries = []
  for await (const { vector } of collection.points({ withVector: true })) {
    if (queries.push(vector) === 1000) break
  }
  const figures = { idle: [], busy: [], rates: [] }
  const search = (index) => collection.search(queries[index % queries.length], { limit: 10 })
  for (let round = 0; round < rounds; round++) {
    if (values.cold) await reopen()
    figures.idle.push(await delay(() => sleep(1000 * seconds)))
    figures.busy.push(
      await delay(async () => figures.rates.push(await rateOf(inFlight, seconds, search))),
    )
  }
  await database.close()
  const line = (rows) => {
    const delays = ['p50', 'p99', 'max'].map(
      (name) => `${name} ${median(rows.map((row) => row[name])).toFixed(2)} ms`,
    )
    return `${delays.join(', ')}, ${rows.reduce((sum, row) => sum + row.faults, 0)} page faults in all`
  }
  console.log(`${backend}: idle ${line(figures.idle)}`)
  console.log(
    `${backend}: ${inFlight} searches in flight with payloads, ${Math.round(median(figures.rates))} a second: ${line(figures.busy)}`,
  )
}
