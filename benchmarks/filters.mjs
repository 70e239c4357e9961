// What do filters cost, what do they lose, and which way do searches go?
//
//   node benchmarks/filters.mjs --data SET --out DIR [--ef 64] [--seconds 1] [--queries 20] [--storage mmap]
//
// Builds a collection from SET with indexed payload fields (and keeps it in DIR for the next run), and searches it with the
// filters of filter-cases.mjs, all evaluated before the clock starts. Prints recall@10 against exact search with the same
// filter, searches a second with one and with eight callers, and the ways that were taken; last, what a list of 500 values costs. peers/run.mjs measures
// the same filters beside the peers.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { open, openDataSet, storageByName } from 'annulus'
import { rateOf } from './callers.mjs'
import { filterCases } from './filter-cases.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    ef: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '1' },
    queries: { type: 'string', default: '20' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const limit = 10
const set = await openDataSet(values.data)
const { dimension, metric } = set
const queries = (await set.queries()).slice(0, Number(values.queries))
const { rows, cases } = await filterCases(set, queries, limit)

const isNew = !existsSync(values.out)
const db = await open(values.out, { storage: storageByName(values.storage) })
const indexedFields = Object.keys(rows)
const collection = await db.collection('c', isNew ? { dimension, metric, indexedFields } : {})
if (isNew) {
  const points = []
  for await (const { id, vector } of set.rows()) {
    const payload = Object.fromEntries(indexedFields.map((field) => [field, rows[field][id]]))
    points.push({ id, vector, payload })
  }
  await collection.upsert(points)
}
await collection.waitForIndex()

const rate = async (callers, searches) =>
  Math.round(
    await rateOf(callers, Number(values.seconds), (index) => searches[index % searches.length]()),
  )

console.log(`${set.name}: ${set.count} × ${dimension}, ${metric}, ef ${values.ef}`)
console.log('| filter | share | matching | recall@10 | QPS, 1 caller | 8 callers | ways |')
console.log('|---|--:|--:|--:|--:|--:|---|')
for (const { kind, share, matching, filters, truth } of cases) {
  const searches = []
  const ways = new Set()
  let [hits, due] = [0, 0]
  for (const [index, query] of queries.entries()) {
    const { field, values: wanted } = filters[index]
    const filter = { [field]: { in: wanted } }
    const options = { limit, ef: Number(values.ef), filter, withPayload: false }
    const found = await collection.searchWithDiagnostics(query, options)
    const ids = new Set(found.hits.map(({ id }) => id))
    hits += truth[index].filter((id) => ids.has(id)).length
    due += truth[index].length
    ways.add(found.diagnostics.strategy)
    searches.push(() => collection.search(query, options))
  }
  const cells = [
    kind,
    `${100 * share} %`,
    Math.round(matching),
    (hits / due).toFixed(4),
    await rate(1, searches),
    await rate(8, searches),
    [...ways].join(', '),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

// What a long list costs: the values are looked up before the clock starts, the list is parsed by each search.
const list = Array.from({ length: 500 }, (_, value) => value + 1)
const withList = (listOf) => [
  () => collection.search(queries[0], { limit, filter: { [indexedFields[1]]: { in: listOf() } } }),
]
const [again, anew] = [withList(() => list), withList(() => [...list])]
await anew[0]()
console.log(
  `500 values, 8 callers: ${await rate(8, again)} QPS, with a list made for each search ${await rate(8, anew)}`,
)
await db.close()
