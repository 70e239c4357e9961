// Does a collection stay good while its points come and go?
//
//   node benchmarks/churn.mjs --data SET --out DIR [--rounds 10] [--share 0.2] [--callers 8] [--ef 64] [--rate QPS]
//                            [--write-share 0.05]
//
// Builds a collection from SET, then in each round deletes a share of the points and puts them back,
// group by group, while callers search: as fast as they can, or so many searches a second in all (--rate).
// Searches a second are counted in windows: while points are written and linked (slowest window, slowest
// twentieth, mean); just afterwards; and once a repair has nothing left to do (mean, slowest window: at rest
// they differ as well). "least / rest" is the slowest window of the round as a part of the mean and of the
// slowest window at rest after it. A row tells the points
// written a second, the longest wait of a search while writing, recall, memory and files as well; the
// first is the fresh build, the last a rebuild.
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { open, openDataSet, storageByName } from 'annulus'

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
    'window-ms': { type: 'string', default: '250' },
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
const rows = []
for await (const row of set.rows()) rows.push(row)

await rm(values.out, { recursive: true, force: true })
const writeShare = values['write-share'] === undefined ? {} : { writeShare: number('write-share') }
const database = await open(values.out, { storage: storageByName(values.storage), ...writeShare })
const collection = await database.collection('churn', {
  dimension: set.dimension,
  metric: set.metric,
})
await collection.upsert(rows)
await collection.waitForIndex()

let next = 0
let searches = 0
let searching = true
const search = (query) => collection.search(query, { limit, ef: number('ef'), withPayload: false })
let waits = []
let dueAt = performance.now()
/** When the next search is due: at once, or as the rate has it. */
async function due() {
  if (number('rate') === 0) return performance.now()
  dueAt = Math.max(dueAt + 1000 / number('rate'), performance.now() - 100)
  const at = dueAt
  const early = at - performance.now()
  if (early > 0) await sleep(early)
  return at
}
const callers = Array.from({ length: number('callers') }, async () => {
  while (searching) {
    const start = await due()
    await search(queries[next++ % queries.length])
    waits.push(performance.now() - start)
    searches++
  }
})

/** Searches a second, in windows, while `work` goes on. */
async function windows(work) {
  const rates = []
  waits = []
  let over = false
  const watch = (async () => {
    while (!over) {
      const [before, start] = [searches, performance.now()]
      await sleep(number('window-ms'))
      rates.push(((searches - before) * 1000) / (performance.now() - start))
    }
  })()
  await work()
  over = true
  await watch
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const quantile = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))]
  const sorted = Float64Array.from(rates).sort()
  const waited = Float64Array.from(waits).sort()
  return {
    mean,
    least: sorted[0],
    low: quantile(sorted, 0.05),
    p99: quantile(waited, 0.99),
    longest: waited.at(-1),
  }
}

async function recall() {
  let found = 0
  for (const [index, query] of queries.entries()) {
    const due = new Set(truth[index])
    for (const { id } of await search(query)) if (due.has(id)) found++
  }
  return found / (queries.length * limit)
}

async function bytesOf(path) {
  const found = await stat(path)
  if (!found.isDirectory()) return found.blocks * 512
  const sizes = await Promise.all((await readdir(path)).map((name) => bytesOf(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const quiet = () => windows(() => sleep(number('quiet-ms')))
const mib = (bytes) => Math.round(bytes / 2 ** 20)
const tenths = (value) => (value === undefined ? '' : value.toFixed(1))
const rate = (value) => (value === undefined ? '' : Math.round(value))

async function report(name, busy, after, written) {
  await collection.waitForIndex()
  await collection.flush()
  const { mean: still, least: stillLeast, p99 } = await quiet()
  const part = (whole) => (busy.least / whole).toFixed(2)
  const { memory, slots, freeSlots } = collection.stats()
  const cells = [
    name,
    rate(busy?.least),
    rate(busy?.low),
    rate(busy?.mean),
    rate(after?.mean),
    rate(still),
    rate(stillLeast),
    busy === undefined ? '' : `${part(still)} / ${part(stillLeast)}`,
    `${tenths(busy?.p99)} / ${tenths(busy?.longest)}`,
    tenths(p99),
    rate(written),
    (await recall()).toFixed(4),
    mib(memory.codes + memory.graph + memory.slots),
    mib(process.memoryUsage().rss),
    mib(await bytesOf(values.out)),
    slots,
    freeSlots,
    Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1e6),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

console.log(
  '| round | least | lowest 5 % | busy | after | still | still, least | least / rest | wait p99 / max ms | still p99 ms | points/s | recall | index MiB | RSS MiB | files MiB | slots | free | CPU s |',
)
console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|')
await report('fresh')
for (let round = 0; round < number('rounds'); round++) {
  const chosen = rows.filter((_, index) => (index * 7 + round * 3) % 10 < 10 * number('share'))
  const start = performance.now()
  const busy = await windows(async () => {
    for (let first = 0; first < chosen.length; first += group) {
      await collection.delete(chosen.slice(first, first + group).map(({ id }) => id))
    }
    for (let first = 0; first < chosen.length; first += group) {
      await collection.upsert(chosen.slice(first, first + group))
    }
    await collection.waitForIndex()
  })
  const written = (chosen.length * 2000) / (performance.now() - start)
  await report(round + 1, busy, await quiet(), written)
}
await report('rebuilt', await windows(() => collection.optimize()))
searching = false
await Promise.all(callers)
await database.close()
