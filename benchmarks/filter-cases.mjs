// Filters that let through 0.1, 1, 10 and 50 % of a set, and what an exact search finds within them.
//
// `random` points are drawn by seed, one field a share. `near` and `far` let through clusters, the nearest to the query or
// the farthest from it first, so that each query has a filter of its own: 1,000 small clusters (field `cluster`) for shares below 5 %, 50
// large ones (field `region`) above, as one would not name hundreds of values. Clusters are rows drawn by seed and what is
// nearest to each of them.
import { distances, Pool } from '@annulus/native'

const shares = [0.001, 0.01, 0.1, 0.5]
const kinds = ['random', 'near', 'far']
const centres = { cluster: 1_000, region: 50 }

/** Park & Miller, CACM 1988. */
function random(seed) {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

const fieldOf = (share) => `per_mille_${1000 * share}`

/**
 * `rows`: for each field the value of every row. `cases`: for each kind and share one `{ field, values }` and the ids of the
 * `limit` nearest matching rows for each query, `matching` of them on average.
 */
export async function filterCases(set, queries, limit) {
  const pool = new Pool()
  const { dimension, metric, count } = set
  const vectors = new Float32Array(count * dimension)
  for await (const { id, vector } of set.rows()) vectors.set(vector, id * dimension)
  const row = (index) => vectors.subarray(index * dimension, (index + 1) * dimension)
  const to = (query, many) => distances(query, many, metric, { pool })
  const next = random(7)
  const rows = {}
  for (const share of shares) {
    rows[fieldOf(share)] = Array.from({ length: count }, () => (next() < share ? 1 : 0))
  }
  const pivots = {}
  const members = {}
  for (const [field, number] of Object.entries(centres)) {
    pivots[field] = new Float32Array(number * dimension)
    for (let i = 0; i < number; i++) {
      pivots[field].set(row(Math.floor(next() * count)), i * dimension)
    }
    rows[field] = []
    members[field] = new Array(number).fill(0)
    for (let id = 0; id < count; id++) {
      const found = await to(row(id), pivots[field])
      const nearest = found.reduce((best, distance, i) => (distance < found[best] ? i : best), 0)
      rows[field].push(nearest)
      members[field][nearest]++
    }
  }

  async function filterOf(kind, share, query) {
    if (kind === 'random') return { field: fieldOf(share), values: [1] }
    const field = share < 0.05 ? 'cluster' : 'region'
    const found = await to(query, pivots[field])
    const order = Array.from(found.keys()).sort((a, b) => found[a] - found[b])
    if (kind === 'far') order.reverse()
    const values = []
    for (let matching = 0; matching < share * count; ) {
      const chosen = order.shift()
      matching += members[field][chosen]
      values.push(chosen)
    }
    return { field, values }
  }

  const cases = kinds.flatMap((kind) =>
    shares.map((share) => ({ kind, share, matching: 0, filters: [], truth: [] })),
  )
  for (const query of queries) {
    const found = await to(query, vectors)
    for (const each of cases) {
      const filter = await filterOf(each.kind, each.share, query)
      const values = new Set(filter.values)
      const ids = []
      for (let id = 0; id < count; id++) if (values.has(rows[filter.field][id])) ids.push(id)
      each.matching += ids.length / queries.length
      each.filters.push(filter)
      each.truth.push(ids.sort((a, b) => found[a] - found[b]).slice(0, limit))
    }
  }
  pool.close()
  return { rows, cases }
}
