// Rotated codes under a whole collection: the graph is built on them, results are rescored, and the
// snapshot brings them back.

import { rotated } from '@annulus/quantization'
import { preadStorage } from '@annulus/storage'
import { expect, it } from 'vitest'
import { type Collection, open, type SearchOptions } from '../src/index.js'
import { directory, openHere, vectors } from './world.js'

const dimension = 96
const count = 1500

/** Vectors as embeddings are: they vary along fewer directions than they have components. */
function embeddings(n: number, seed: number): Float32Array[] {
  const directions = vectors(20, dimension, 3)
  return vectors(n, directions.length, seed).map((weights) =>
    Float32Array.from({ length: dimension }, (_, i) =>
      weights.reduce((sum, weight, j) => sum + weight * (directions[j]?.[i] ?? 0), 0),
    ),
  )
}

const queries = embeddings(20, 2)
const settings = { codesFrom: 500, graphFrom: 1000 }

const idsOf = async (collection: Collection, options: SearchOptions) =>
  (await collection.searchBatch(queries, { limit: 10, ef: 128, ...options })).map((hits) =>
    hits.map((hit) => hit.id),
  )

/** Share of the exact results that a search finds. */
async function recall(collection: Collection, options: SearchOptions): Promise<number> {
  const exact = await idsOf(collection, { exact: true })
  const found = await idsOf(collection, options)
  const hits = found.flatMap((ids, query) => ids.filter((id) => exact[query]?.includes(id)))
  return hits.length / (queries.length * 10)
}

it.each([
  [1, 8],
  [4, 2],
])(
  'a collection on %i bits a component finds, rescores and reopens',
  async (bits, oversampling) => {
    const path = await directory()
    const quantization = rotated({ bits })
    const first = await open(path, { storage: preadStorage(), threads: 1 })
    const collection = await first.collection('c', { dimension, ...settings, quantization })
    await collection.upsert(embeddings(count, 1).map((vector, id) => ({ id, vector })))
    await collection.waitForIndex()
    expect(collection.stats().index).toMatchObject({ encoded: count, linked: count })
    expect(await recall(collection, { oversampling })).toBeGreaterThanOrEqual(0.95)
    const before = await idsOf(collection, { oversampling })
    await first.close()

    const second = await openHere(path, preadStorage(), 1)
    let trained = false
    second.on('indexing', ({ phase }) => {
      trained ||= phase === 'training'
    })
    const reopened = await second.collection('c', { ...settings, quantization })
    await reopened.waitForIndex()
    expect(await idsOf(reopened, { oversampling })).toEqual(before)
    expect(trained).toBe(false)
  },
)
