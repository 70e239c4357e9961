// A batch answers as its searches do, one by one, however they go.
import { memoryStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits, type SearchOptions } from '../src/index.js'
import { directory, failure, openHere, vectors, wrapped } from './world.js'

const dimension = 8
const storages = {
  'with a reader table': memoryStorage(),
  'in plain TypeScript': wrapped(memoryStorage(), () => ({})),
}

describe.each(Object.entries(storages))('searchBatch, storage %s', (_, storage) => {
  it('answers as single searches do', async () => {
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension, codesFrom: 200, graphFrom: 400 })
    const all = vectors(1_000, dimension)
    const queries = vectors(limits.batchQueriesMax + 10, dimension, 7)
    const options = fc.record<SearchOptions>(
      {
        limit: fc.integer({ min: 1, max: 20 }),
        offset: fc.integer({ min: 0, max: 5 }),
        ef: fc.integer({ min: 1, max: 60 }),
        rescore: fc.constantFrom<SearchOptions['rescore'][]>('bounded', true, false),
        exact: fc.boolean(),
        withVector: fc.boolean(),
        filter: fc.constantFrom({ third: 0 }, { third: 3 }),
      },
      { requiredKeys: [] },
    )
    for (const count of [100, 300, 1_000]) {
      const points = all
        .slice(0, count)
        .map((vector, id) => ({ id, vector, payload: { third: id % 3 } }))
      await collection.upsert(points)
      await collection.waitForIndex()
      const size = fc.constantFrom(0, 1, 7)
      await fc.assert(
        fc.asyncProperty(options, size, async (given, n) => {
          const asked = queries.slice(0, n)
          const single = await Promise.all(asked.map((query) => collection.search(query, given)))
          expect(await collection.searchBatch(asked, given)).toEqual(single)
        }),
        { numRuns: 30 },
      )
    }
    const before = collection.stats().searches.count
    const hits = await collection.searchBatch(queries, { limit: 3 })
    expect(hits).toEqual(await Promise.all(queries.map((q) => collection.search(q, { limit: 3 }))))
    expect(collection.stats().searches.count - before).toBe(2 * queries.length)
  })
})

it('refuses a batch with one bad query, by its number, and ends as a whole when aborted', async () => {
  const db = await openHere(await directory(), memoryStorage())
  const collection = await db.collection('c', { dimension })
  const [good = new Float32Array(dimension)] = vectors(1, dimension)
  await collection.upsert({ id: 1, vector: good })
  const bad = collection.searchBatch([good, good.slice(1)])
  await expect(bad).rejects.toMatchObject({ code: 'ANNULUS_DIMENSION', message: /query 1/ })
  const aborted = collection.searchBatch([good], { signal: AbortSignal.abort() })
  expect(await failure(aborted)).toBe('ANNULUS_ABORTED')
})

it('finds what was overwritten while the batch was running', async () => {
  const db = await openHere(await directory(), memoryStorage())
  const collection = await db.collection('c', { dimension, codesFrom: 200, graphFrom: 400 })
  const points = vectors(1_000, dimension).map((vector, id) => ({ id, vector }))
  await collection.upsert(points)
  await collection.waitForIndex()
  const queries = points.slice(0, 100).map(({ vector }) => vector)
  const searching = collection.searchBatch(queries, { limit: 1 })
  const writing = collection.upsert(points.slice(0, 500))
  const [hits] = await Promise.all([searching, writing])
  expect(hits.map(([hit]) => hit?.id)).toEqual(points.slice(0, 100).map(({ id }) => id))
})
