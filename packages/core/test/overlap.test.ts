// While a slot is being linked it is in the graph and still among the codes to be scanned.
import { Pool, pipelineSearch } from '@annulus/native'
import { none } from '@annulus/quantization'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { Nearest } from '../src/nearest.js'
import { directory, openHere, vectors } from './world.js'

const dimension = 8

describe('a slot that two sources give', () => {
  it('is one candidate of a native search', async () => {
    const pool = new Pool(2)
    const all = vectors(50, dimension)
    const codes = await none().train(new Float32Array(), { dimension, metric: 'euclidean', pool })
    await codes.encode(0, Float32Array.from(all.flatMap((vector) => [...vector])))
    const sources = [{ source: codes.source() }, { source: codes.source() }]
    const options = { metric: 'euclidean', limit: 20, candidates: 20, ef: 20 } as const
    const [query = new Float32Array()] = vectors(1, dimension, 3)
    const twice = await pipelineSearch(pool, sources, undefined, query, options)
    const once = await pipelineSearch(pool, sources.slice(1), undefined, query, options)
    expect([...twice.slots]).toEqual([...once.slots])
    expect(new Set(twice.slots).size).toBe(20)
    codes.close()
    pool.close()
  })

  it('is one candidate of a stepwise search', () => {
    const nearest = new Nearest(3)
    nearest.add(Uint32Array.of(4, 5, 6), Float32Array.of(1, 2, 3))
    nearest.add(Uint32Array.of(5, 7, 4), Float32Array.of(2, 2.5, 1.5))
    expect([...nearest.candidates().slots]).toEqual([4, 5, 7])
  })

  it('is one result, whenever the search comes', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const tuning = { codesFrom: 20, graphFrom: 20, hnsw: { m: 4 } }
    const collection = await db.collection('c', { dimension, ...tuning })
    const [query = new Float32Array()] = vectors(1, dimension, 3)
    for (let first = 0; first < 600; first += 20) {
      const points = vectors(20, dimension, first + 7).map((vector, index) => ({
        id: first + index,
        vector,
      }))
      const writing = collection.upsert(points)
      for (const rescore of [true, false, true, false]) {
        const hits = await collection.search(query, { limit: 5, ef: 4, oversampling: 1, rescore })
        expect(new Set(hits.map(({ id }) => id)).size).toBe(hits.length)
        if (first > 0) expect(hits).toHaveLength(5)
      }
      await writing
    }
  })
})
