import { memoryStorage, preadStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import type { Collection } from '../src/index.js'
import { directory, failure, openHere, vectors, wrapped } from './world.js'

const dimension = 8
const all = vectors(1_500, dimension)

type Labelled = Collection<{ label: string }>

async function filled(tuning: object, storage = memoryStorage()): Promise<Labelled> {
  const db = await openHere(await directory(), storage)
  const collection = await db.collection<{ label: string }>('c', {
    dimension,
    metric: 'euclidean',
    indexedFields: ['label'],
    ...tuning,
  })
  await collection.upsert(
    all.map((vector, id) => ({ id, vector, payload: { label: `l${id % 3}` } })),
  )
  await collection.waitForIndex()
  return collection
}

/** The ways a search can go. */
const regimes: [string, object, object][] = [
  ['exact', { codesFrom: 10_000, graphFrom: 10_000 }, {}],
  ['scan', { codesFrom: 100, graphFrom: 10_000 }, {}],
  ['graph', { codesFrom: 100, graphFrom: 200 }, { ef: 20 }],
  [
    'graph with filter',
    { codesFrom: 100, graphFrom: 200 },
    { ef: 20, filter: { label: { in: ['l0', 'l1'] } } },
  ],
  ['graph, scores estimated', { codesFrom: 100, graphFrom: 200 }, { ef: 20, rescore: false }],
]

describe('searches beside writes', () => {
  it.each(regimes)(
    'find a point that is overwritten all the time: %s',
    async (_, tuning, options) => {
      const collection = await filled(tuning)
      const [query] = vectors(1, dimension, 77)
      if (query === undefined) throw new Error('no query')
      const point = { id: 'moving', vector: query, payload: { label: 'l1' } }
      await collection.upsert(point)
      let writing = true
      const writer = (async () => {
        while (writing) await collection.upsert(point)
      })()
      let missed = 0
      try {
        for (let round = 0; round < 40; round++) {
          const found = await Promise.all(
            Array.from({ length: 4 }, () => collection.search(query, { limit: 3, ...options })),
          )
          for (const hits of found) {
            expect(hits).toHaveLength(3)
            if (hits[0]?.id !== 'moving') missed++
          }
        }
      } finally {
        writing = false
        await writer
      }
      expect(missed).toBe(0)
      expect(collection.size).toBe(1_501)
    },
  )

  it('never return a deleted point, nor too few results', async () => {
    const collection = await filled({ codesFrom: 100, graphFrom: 200 })
    const [query = new Float32Array()] = all
    for (let id = 0; id < 300; id += 10) {
      const ids = Array.from({ length: 10 }, (_, index) => id + index)
      const [, hits] = await Promise.all([
        collection.delete(ids),
        collection.search(query, { limit: 20, ef: 40 }),
      ])
      expect(hits).toHaveLength(20)
      const after = await collection.search(query, { limit: 20, ef: 40 })
      expect(after.every((hit) => Number(hit.id) >= id + 10)).toBe(true)
    }
  })

  it('can be aborted at any moment', async () => {
    const collection = await filled({ codesFrom: 100, graphFrom: 200 })
    const [query = new Float32Array()] = all
    let aborted = 0
    for (let turns = 0; turns < 30; turns++) {
      const controller = new AbortController()
      const { signal } = controller
      const searches = Array.from({ length: 4 }, () =>
        failure(collection.search(query, { signal, withVector: true })),
      )
      for (let turn = 0; turn < turns % 6; turn++) await new Promise(setImmediate)
      controller.abort()
      for (const code of await Promise.all(searches)) {
        expect([undefined, 'ANNULUS_ABORTED']).toContain(code)
        if (code !== undefined) aborted++
      }
    }
    expect(aborted).toBeGreaterThan(0)
    expect(await failure(collection.search(query, { signal: AbortSignal.abort() }))).toBe(
      'ANNULUS_ABORTED',
    )
    expect(await collection.search(query)).toHaveLength(10)
  })

  it('are waited for by close', async () => {
    const collection = await filled({ codesFrom: 100, graphFrom: 200 }, preadStorage())
    const [query = new Float32Array()] = all
    const searches = Array.from({ length: 50 }, () =>
      collection.search(query, { withVector: true }),
    )
    await collection.close()
    for (const search of searches) expect(await search).toHaveLength(10)
  })

  it('hit by a read error fail alone, with its code', async () => {
    let broken = false
    const storage = wrapped(memoryStorage(), (inner) => ({
      score: (query, slots, metric, options) =>
        broken ? Promise.reject(new Error('cable')) : inner.score(query, slots, metric, options),
    }))
    const collection = await filled({ codesFrom: 100, graphFrom: 200 }, storage)
    const [query = new Float32Array()] = all
    broken = true
    await expect(collection.search(query)).rejects.toThrow('cable')
    expect(await collection.search(query, { rescore: false })).toHaveLength(10)
    broken = false
    expect(await collection.search(query)).toHaveLength(10)
  })
})
