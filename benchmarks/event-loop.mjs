// Does searching disturb the event loop? Its delay while idle, and with searches always in flight:
//
//   node benchmarks/event-loop.mjs --database DIR --collection NAME [--in-flight 16] [--seconds 5] [--rounds 3]
//
// Idle and busy take turns, so that a noisy machine is noisy for both; printed are medians over rounds.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { isUringSupported, open, storageByName } from 'annulus'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    'in-flight': { type: 'string', default: '16' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
  },
})
if (values.database === undefined) throw new Error('name a database with --database')
const [inFlight, seconds, rounds] = [values['in-flight'], values.seconds, values.rounds].map(Number)

/** Delay of the event loop while `work` runs, in milliseconds. */
async function delay(work) {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  await work()
  loop.disable()
  return { p50: loop.percentile(50) / 1e6, p99: loop.percentile(99) / 1e6, max: loop.max / 1e6 }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]

for (const backend of isUringSupported().supported ? ['mmap', 'io_uring'] : ['mmap']) {
  const database = await open(values.database, { storage: storageByName(backend) })
  const collection = await database.collection(values.collection)
  const queries = []
  for await (const { vector } of collection.points({ withVector: true })) {
    if (queries.push(vector) === 1000) break
  }
  const figures = { idle: [], busy: [] }
  let searches = 0
  for (let round = 0; round < rounds; round++) {
    figures.idle.push(await delay(() => sleep(1000 * seconds)))
    figures.busy.push(
      await delay(async () => {
        const until = performance.now() + 1000 * seconds
        const caller = async () => {
          while (performance.now() < until) {
            await collection.search(queries[searches++ % queries.length], { limit: 10 })
          }
        }
        await Promise.all(Array.from({ length: inFlight }, caller))
      }),
    )
  }
  await database.close()
  const line = (rows) =>
    ['p50', 'p99', 'max']
      .map((name) => `${name} ${median(rows.map((row) => row[name])).toFixed(2)} ms`)
      .join(', ')
  console.log(`${backend}: idle ${line(figures.idle)}`)
  console.log(
    `${backend}: ${inFlight} searches in flight with payloads, ${Math.round(searches / (rounds * seconds))} a second: ${line(figures.busy)}`,
  )
}
