import { none, scalar } from '@annulus/quantization'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import type { Metric } from '../src/index.js'
import { directory, exactScore, isBetter, openHere, vectors } from './world.js'

const dimension = 24
const all = vectors(2_000, dimension)
const queries = vectors(40, dimension, 5)

async function filled(metric: Metric, options: object = {}) {
  const db = await openHere(await directory(), memoryStorage())
  const collection = await db.collection<{ even: boolean; rank: number }>('c', {
    dimension,
    metric,
    codesFrom: 200,
    graphFrom: 500,
    indexedFields: ['even'],
    ...options,
  })
  await collection.upsert(
    all.map((vector, id) => ({ id, vector, payload: { even: id % 2 === 0, rank: id % 100 } })),
  )
  await collection.waitForIndex()
  return collection
}

function truth(metric: Metric, query: Float32Array, passes: (id: number) => boolean = () => true) {
  return all
    .map((vector, id) => ({ id, score: exactScore(metric, query, vector) }))
    .filter(({ id }) => passes(id))
    .sort((a, b) => (isBetter(metric, a.score, b.score) ? -1 : 1))
}

describe('search', () => {
  it.each(['cosine', 'dot', 'euclidean', 'manhattan'] as const)(
    '%s: exact is brute force, approximate is close, scores are exact',
    async (metric) => {
      const collection = await filled(metric)
      let found = 0
      for (const query of queries) {
        const best = truth(metric, query).slice(0, 10)
        const exact = await collection.search(query, { exact: true })
        expect(exact.map(({ id }) => id)).toEqual(best.map(({ id }) => id))
        const hits = await collection.search(query, { ef: 200 })
        for (const hit of [...exact, ...hits]) {
          const score = exactScore(metric, query, all[Number(hit.id)] ?? [])
          expect(Math.abs(hit.score - score)).toBeLessThanOrEqual(
            1e-4 * Math.max(1e-2, Math.abs(score)),
          )
          expect(hit.exact).toBe(true)
        }
        found += hits.filter((hit) => best.some(({ id }) => id === hit.id)).length
      }
      expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.98)
    },
  )

  it('pages by offset without gaps or repetitions', async () => {
    const collection = await filled('euclidean')
    const [query = new Float32Array()] = queries
    const whole = await collection.search(query, { limit: 30, exact: true })
    const pages = [0, 10, 20].map((offset) =>
      collection.search(query, { limit: 10, offset, exact: true }),
    )
    expect((await Promise.all(pages)).flat()).toEqual(whole)
    expect(await collection.search(query, { limit: 10, offset: 3_000, exact: true })).toEqual([])
  })

  it('cuts at the score threshold, inclusively, whichever way is better', async () => {
    for (const metric of ['cosine', 'euclidean'] as const) {
      const collection = await filled(metric)
      const [query = new Float32Array()] = queries
      const hits = await collection.search(query, { limit: 10 })
      const scoreThreshold = hits[4]?.score ?? 0
      expect(await collection.search(query, { limit: 10, scoreThreshold })).toEqual(
        hits.slice(0, 5),
      )
      expect(
        await collection.search(query, { scoreThreshold: metric === 'cosine' ? 2 : 0 }),
      ).toEqual([])
    }
  })

  it('brings what is asked for and nothing else', async () => {
    const collection = await filled('cosine')
    const [query = new Float32Array()] = queries
    const [bare] = await collection.search(query, { limit: 1, withPayload: false })
    expect(Object.keys(bare ?? {}).sort()).toEqual(['exact', 'id', 'score'])
    const [full] = await collection.search(query, { limit: 1, withVector: true })
    expect(full?.vector).toEqual(all[Number(full?.id)])
    expect(full?.payload).toEqual({
      even: Number(full?.id) % 2 === 0,
      rank: Number(full?.id) % 100,
    })
  })

  it('reads exactly the candidates that oversampling asks for, if all are to be read', async () => {
    const collection = await filled('euclidean')
    const [query = new Float32Array()] = queries
    const reads = async (options: object) =>
      (await collection.searchWithDiagnostics(query, { rescore: true, ...options })).diagnostics
    expect(await reads({ ef: 200 })).toMatchObject({
      strategy: 'scan',
      reads: 20,
      candidates: 20,
      retries: 0,
      matching: 2_000,
    })
    expect(await reads({ ef: 40 })).toMatchObject({ strategy: 'graph', reads: 20 })
    expect(await reads({ limit: 7, offset: 4, oversampling: 1.5 })).toMatchObject({ reads: 17 })
    expect(await reads({ oversampling: 1 })).toMatchObject({ reads: 10 })
    expect(await reads({ rescore: false })).toMatchObject({ reads: 0 })
    expect(await reads({ exact: true })).toMatchObject({ strategy: 'exact', reads: 2_000 })
    expect(await reads({ filter: { even: true, rank: 2 } })).toMatchObject({
      strategy: 'exact',
      reads: 20,
      matching: 20,
    })
    expect(await reads({ filter: { rank: -1 } })).toMatchObject({
      strategy: 'none',
      reads: 0,
      matching: 0,
    })
  })

  it('says when scores are estimates, which are close', async () => {
    const collection = await filled('euclidean')
    for (const query of queries) {
      for (const hit of await collection.search(query, { rescore: false, ef: 40 })) {
        expect(hit.exact).toBe(false)
        const score = exactScore('euclidean', query, all[Number(hit.id)] ?? [])
        expect(Math.abs(hit.score - score)).toBeLessThan(0.05 * score)
      }
    }
  })

  it.each([
    ['indexed', { even: true }, (id: number) => id % 2 === 0],
    [
      'not indexed',
      { rank: { in: [3, 4, 5, 77] } },
      (id: number) => [3, 4, 5, 77].includes(id % 100),
    ],
    ['both', { even: false, rank: { in: [3, 4] } }, (id: number) => id % 100 === 3],
    ['a range', { rank: { gte: 40, lt: 90 } }, (id: number) => id % 100 >= 40 && id % 100 < 90],
    [
      'an index and a range',
      { even: true, rank: { gt: 40 } },
      (id: number) => id % 2 === 0 && id % 100 > 40,
    ],
  ])('keeps to the filter: %s', async (_, filter, passes) => {
    const collection = await filled('euclidean')
    let found = 0
    for (const query of queries) {
      const best = truth('euclidean', query, passes).slice(0, 10)
      const exact = await collection.search(query, { filter, exact: true })
      expect(exact.map(({ id }) => id)).toEqual(best.map(({ id }) => id))
      const hits = await collection.search(query, { filter, ef: 40 })
      expect(hits).toHaveLength(10)
      expect(hits.every(({ id }) => passes(Number(id)))).toBe(true)
      found += hits.filter((hit) => best.some(({ id }) => id === hit.id)).length
    }
    expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.9)
  })

  it('works with codes of several kinds, and before any', async () => {
    for (const options of [
      { quantization: none() },
      { quantization: scalar({ quantile: 1 }) },
      { codesFrom: 9_999, graphFrom: 9_999 },
    ]) {
      const collection = await filled('cosine', options)
      const [query = new Float32Array()] = queries
      const best = truth('cosine', query)
        .slice(0, 5)
        .map(({ id }) => id)
      expect((await collection.search(query, { limit: 5 })).map(({ id }) => id)).toEqual(best)
    }
  })

  it('of an empty collection finds nothing', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection('c', { dimension })
    expect(await collection.search(new Float32Array(dimension).fill(1))).toEqual([])
    expect(await collection.searchBatch([])).toEqual([])
    expect(await collection.count({ filter: { a: 1 } })).toBe(0)
    for await (const _ of collection) throw new Error('there is a point')
  })

  it('finds points at once, before they are encoded or linked', async () => {
    const collection = await filled('euclidean')
    const late = vectors(300, dimension, 99)
    const writing = collection.upsert(
      late.map((vector, index) => ({ id: `late ${index}`, vector })),
    )
    await writing
    for (const [index, query] of late.entries()) {
      const [best] = await collection.search(query, { limit: 1, ef: 20 })
      expect(best?.id).toBe(`late ${index}`)
    }
  })

  it('keeps its quality when the index is built anew while it is searched', async () => {
    const collection = await filled('euclidean')
    const rebuilding = collection.optimize()
    let done = false
    const finished = rebuilding.then(() => {
      done = true
    })
    let searches = 0
    while (!done) {
      const query = queries[searches++ % queries.length] ?? new Float32Array()
      const hits = await collection.search(query, { limit: 5, exact: searches % 4 === 0 })
      const best = truth('euclidean', query).slice(0, 5)
      const common = hits.filter(({ id }) => best.some((each) => each.id === id)).length
      expect(common).toBeGreaterThanOrEqual(4)
    }
    await finished
    expect(collection.stats().index).toMatchObject({ state: 'idle', linked: 2_000, backlog: 0 })
  })
})
