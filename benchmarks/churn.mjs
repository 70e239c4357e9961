// Does a collection stay good while its points come and go?
//
//   node benchmarks/churn.mjs --data SET --out DIR [--rounds 10] [--share 0.2] [--callers 8] [--ef 64] [--rate QPS]
//                            [--write-share 0.05]
//
// Builds a collection from SET, then in each round deletes a share of the points and puts them back,
// group by group, while callers search: as fast as they can, or so many searches a second in all (--rate).
// Searches a second are counted in windows: while points are written and linked (slowest window, slowest
// twentieth, mean); just afterwards; and once a repair has nothing left to do (mean, slowest window: at rest
// they differ as well). As the machine drifts, a round is compared with the rest before and after it: "least / rest"
// is its slowest window as a part of the mean of both, and of the slowest window of both. A row tells the points
// written a second, the longest wait of a search while writing, recall, memory and files as well; the
// first is the fresh build, the last a rebuild.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { bytesOnDisk } from './bytes-on-disk.mjs'
import { startCallers } from './callers.mjs'
import { freshCollection } from './fresh-collection.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    rounds: { type: 'string', default: '10' },
    share: { type: 'string', default: '0.2' },
    callers: { type: 'string', default: '8' },
    ef: { type: 'string', default: '64' },
    rate: { type: 'string', default: '0' },
    'write-share': { type: 'string' },
    'quiet-ms': { type: 'string', default: '2000' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const number = (name) => Number(values[name])
const limit = 10
const group = 500

const set = await openDataSet(values.data)
const queries = await set.queries()
const truth = await set.truth(limit)
const { database, collection, rows } = await freshCollection(set, values.out, {
  storage: values.storage,
  writeShare: values['write-share'],
})
const search = (query) => collection.search(query, { limit, ef: number('ef'), withPayload: false })
const callers = startCallers(
  number('callers'),
  (index) => search(queries[index % queries.length]),
  number('rate'),
)

async function recall() {
  let found = 0
  for (const [index, query] of queries.entries()) {
    const due = new Set(truth[index])
    for (const { id } of await search(query)) if (due.has(id)) found++
  }
  return found / (queries.length * limit)
}

const quiet = () => callers.during(() => sleep(number('quiet-ms')))
const mib = (bytes) => Math.round(bytes / 2 ** 20)
const tenths = (value) => (value === undefined ? '' : value.toFixed(1))
const rate = (value) => (value === undefined ? '' : Math.round(value))

let restBefore
async function report(name, busy, after, written) {
  await collection.waitForIndex()
  await collection.flush()
  const rest = await quiet()
  const part = () => {
    const mean = (restBefore.mean + rest.mean) / 2
    const slowest = Math.min(restBefore.slowest, rest.slowest)
    return [mean, slowest].map((whole) => (busy.slowest / whole).toFixed(2)).join(' / ')
  }
  const { memory, slots, freeSlots } = collection.stats()
  const cells = [
    name,
    rate(busy?.slowest),
    rate(busy?.slowestTwentieth),
    rate(busy?.mean),
    rate(after?.mean),
    rate(rest.mean),
    rate(rest.slowest),
    busy === undefined ? '' : part(),
    `${tenths(busy?.waitP99)} / ${tenths(busy?.waitLongest)}`,
    tenths(rest.waitP99),
    rate(written),
    (await recall()).toFixed(4),
    mib(memory.codes + memory.graph + memory.slots),
    mib(process.memoryUsage().rss),
    mib(await bytesOnDisk(values.out)),
    slots,
    freeSlots,
    Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1e6),
  ]
  console.log(`| ${cells.join(' | ')} |`)
  restBefore = rest
}

console.log(
  '| round | least | lowest 5 % | busy | after | still | still, least | least / rest | wait p99 / max ms | still p99 ms | points/s | recall | index MiB | RSS MiB | files MiB | slots | free | CPU s |',
)
console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|')
await report('fresh')
for (let round = 0; round < number('rounds'); round++) {
  const chosen = rows.filter((_, index) => (index * 7 + round * 3) % 10 < 10 * number('share'))
  const busy = await callers.during(async () => {
    for (let first = 0; first < chosen.length; first += group) {
      await collection.delete(chosen.slice(first, first + group).map(({ id }) => id))
    }
    for (let first = 0; first < chosen.length; first += group) {
      await collection.upsert(chosen.slice(first, first + group))
    }
    await collection.waitForIndex()
  })
  await report(round + 1, busy, await quiet(), (2 * chosen.length) / busy.seconds)
}
await report('rebuilt', await callers.during(() => collection.optimize()))
await callers.stop()
await database.close()
