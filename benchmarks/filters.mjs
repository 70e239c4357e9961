// What do filters cost, and what do they lose?
//
//   node benchmarks/filters.mjs --data SET --out DIR [--ef 64] [--seconds 1] [--queries 20] [--storage mmap]
//
// Builds a collection from SET with indexed payload fields (and keeps it in DIR for the next run). Filters let through a
// share of the points: `random` ones; the clusters `near` the query, nearest first; or those `far` from it, farthest
// first. Clusters are 1,000 rows drawn by seed and the rows nearest to each. Each query of near and far has a filter of its
// own; all are evaluated before the clock starts. Prints recall@10 against exact search with the same
// filter, searches a second with one and with eight callers, and the ways that were taken.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { distances, metrics, Pool } from '@annulus/native'
import { open, openDataSet, storageByName } from 'annulus'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    ef: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '1' },
    queries: { type: 'string', default: '20' },
    shares: { type: 'string', default: '0.001,0.01,0.1,0.5' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const limit = 10
const clusterCount = 1_000
const set = await openDataSet(values.data)
const { dimension, metric } = set
const queries = (await set.queries()).slice(0, Number(values.queries))
const shares = values.shares.split(',').map(Number)

/** Park & Miller, CACM 1988. */
function random(seed) {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

const pool = new Pool()
const rows = []
for await (const { vector } of set.rows()) rows.push(vector)
const next = random(7)
const pivots = Array.from({ length: clusterCount }, () => Math.floor(next() * rows.length))
const pivotVectors = new Float32Array(clusterCount * dimension)
for (const [index, row] of pivots.entries()) pivotVectors.set(rows[row], index * dimension)
const toPivots = (vector) => distances(vector, pivotVectors, metric, { pool })
const field = (share) => `in${share}`

const isNew = !existsSync(values.out)
const db = await open(values.out, { storage: storageByName(values.storage) })
const indexedFields = ['cluster', ...shares.map(field)]
const collection = await db.collection('c', isNew ? { dimension, metric, indexedFields } : {})
const members = new Array(clusterCount).fill(0)
const clusterOf = []
for (const vector of rows) {
  const found = await toPivots(vector)
  let cluster = 0
  for (let i = 1; i < clusterCount; i++) if (found[i] < found[cluster]) cluster = i
  members[cluster]++
  clusterOf.push(cluster)
}
if (isNew) {
  const draw = random(11)
  const points = rows.map((vector, id) => {
    const place = draw()
    const drawn = Object.fromEntries(shares.map((share) => [field(share), place < share]))
    return { id, vector, payload: { cluster: clusterOf[id], ...drawn } }
  })
  await collection.upsert(points)
}
await collection.waitForIndex()

async function filterOf(kind, share, query) {
  if (kind === 'random') return { [field(share)]: true }
  const found = await toPivots(query)
  const order = Array.from(found.keys()).sort((a, b) => found[a] - found[b])
  if (kind === 'far') order.reverse()
  const chosen = []
  for (let count = 0; count < share * rows.length && order.length > 0; ) {
    const cluster = order.shift()
    if (members[cluster] === 0) continue
    count += members[cluster]
    chosen.push(cluster)
  }
  return { cluster: { in: chosen } }
}

async function rate(callers, searches) {
  let done = 0
  const started = performance.now()
  const until = started + 1000 * Number(values.seconds)
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) await searches[done++ % searches.length]()
    }),
  )
  return Math.round((1000 * done) / (performance.now() - started))
}

console.log(
  `${set.name}: ${rows.length} × ${dimension}, ${metrics.find((m) => m === metric)}, ef ${values.ef}`,
)
console.log('| filter | share | matching | recall@10 | QPS, 1 caller | 8 callers | ways |')
console.log('|---|--:|--:|--:|--:|--:|---|')
for (const kind of ['random', 'near', 'far']) {
  for (const share of shares) {
    const searches = []
    const ways = new Set()
    let [hits, due, matching] = [0, 0, 0]
    for (const query of queries) {
      const filter = await filterOf(kind, share, query)
      const options = { limit, ef: Number(values.ef), filter, withPayload: false }
      const truth = await collection.search(query, {
        limit,
        filter,
        exact: true,
        withPayload: false,
      })
      const found = await collection.searchWithDiagnostics(query, options)
      const ids = new Set(found.hits.map(({ id }) => id))
      for (const { id } of truth) if (ids.has(id)) hits++
      due += truth.length
      matching += found.diagnostics.matching / queries.length
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
}
await db.close()
