// `memoryBudget`: what is reckoned is never less than what is taken, and what does not fit changes nothing.
import { HnswIndex } from '@annulus/hnsw'
import { type Metric, Pool } from '@annulus/native'
import { auto, binary, none, product, type Quantizer, rotated, scalar } from '@annulus/quantization'
import { memoryStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnnulusError, type CollectionStats } from '../src/index.js'
import { linkBytes } from '../src/memory-budget.js'
import { directory, failure, lastingMemory, openHere, vectors } from './world.js'

const caches = (64 + 16) << 20
const quantizers: Quantizer[] = [
  scalar(),
  none(),
  rotated({ bits: 2 }),
  product({ compression: 16 }),
  binary(),
  auto(),
]

function taken({ memory }: CollectionStats): number {
  return memory.codes + memory.graph + memory.slots + memory.payloads + memory.filters
}

const pointsOf = (count: number, dimension: number, first = 0) =>
  vectors(count, dimension, first + 1).map((vector, id) => ({
    id: first + id,
    vector,
    payload: { text: 'x'.repeat(50), even: id % 2 },
  }))

/** What a call is refused with. */
async function refusal(work: Promise<unknown>): Promise<AnnulusError> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error instanceof AnnulusError) return error
  throw new Error('it was not refused', { cause: error })
}

describe('memoryBudget', () => {
  it('is reckoned with no less than what is taken, whatever the codes and the graph', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...quantizers),
        fc.constantFrom<Metric[]>('cosine', 'euclidean', 'dot'),
        fc.constantFrom(3, 16, 70, 130),
        fc.constantFrom(4, 16, 40),
        fc.integer({ min: 50, max: 900 }),
        fc.integer({ min: 10, max: 2_000 }),
        async (quantization, metric, dimension, m, count, ef) => {
          const db = await openHere(await directory(), memoryStorage())
          const hnsw = { m, efConstruct: 32 }
          const settings = { dimension, metric, quantization, hnsw, codesFrom: 100, graphFrom: 200 }
          const collection = await db.collection('c', { ...settings, memoryBudget: 1 << 30 })
          const check = () => {
            const stats = collection.stats()
            expect(taken(stats)).toBeLessThanOrEqual(stats.memory.needed)
          }
          await collection.upsert(pointsOf(count, dimension))
          // Before there are codes the reckoning goes by what they will be.
          const before = collection.stats().memory.needed
          await collection.waitForIndex()
          check()
          expect(taken(collection.stats())).toBeLessThanOrEqual(before)
          const queries = vectors(8, dimension, 77)
          const search = (query: Float32Array) =>
            collection.search(query, { ef, filter: { even: 1 } })
          await Promise.all(
            queries.flatMap((query) => [search(query), collection.search(query, { ef })]),
          )
          await collection.delete(Array.from({ length: 20 }, (_, id) => id))
          await collection.upsert(pointsOf(30, dimension, count))
          await collection.waitForIndex()
          check()
          await db.close()
        },
      ),
      { numRuns: 15 },
    )
  }, 60_000)

  it.each([undefined, 1 << 28])('leaves no room for sketches, budget %s', async (memoryBudget) => {
    const path = await directory()
    const storage = lastingMemory()
    const settings = { dimension: 512, codesFrom: 100, ...(memoryBudget && { memoryBudget }) }
    let db = await openHere(path, storage)
    let collection = await db.collection('c', settings)
    await collection.upsert(pointsOf(2_400, 512))
    await collection.waitForIndex()
    const grownBySearching = async () => {
      const before = collection.stats().memory.codes
      await collection.search(vectors(1, 512, 5)[0] ?? [], { filter: { even: 1 } })
      await collection.search(vectors(1, 512, 5)[0] ?? [])
      return collection.stats().memory.codes - before
    }
    const grown = await grownBySearching()
    await db.close()
    db = await openHere(path, storage)
    collection = await db.collection('c', memoryBudget === undefined ? {} : { memoryBudget })
    const grownAgain = await grownBySearching()
    await db.close()
    if (memoryBudget === undefined) expect(Math.min(grown, grownAgain)).toBeGreaterThan(0)
    else expect([grown, grownAgain]).toEqual([0, 0])
  })

  it.each([4, 16, 40])('reckons links closely, m %i', async (m) => {
    const pool = new Pool(2)
    const dimension = 4
    for (const count of [300, 3_000, 20_000]) {
      const sample = new Float32Array(vectors(count, dimension).flatMap((vector) => [...vector]))
      const codes = await none().train(sample, { dimension, metric: 'euclidean', pool })
      await codes.encode(0, sample)
      const graph = HnswIndex.create({ pool, scorer: codes.scorer(), m, efConstruct: 4 })
      await graph.insert(Uint32Array.from({ length: count }, (_, slot) => slot))
      const { linkBytes: held } = graph.stats()
      expect(linkBytes(count, m)).toBeGreaterThanOrEqual(held)
      expect(linkBytes(count, m)).toBeLessThanOrEqual(1.2 * held)
      await graph.close()
      codes.close()
    }
    pool.close()
  })

  it('refuses what does not fit, with what would, and keeps what is there', async () => {
    const path = await directory()
    const storage = lastingMemory()
    const db = await openHere(path, storage)
    const dimension = 256
    const settings = { dimension, codesFrom: 100, graphFrom: 100_000, payloadCacheBytes: 0 }
    const memoryBudget = (16 << 20) + (1 << 20)
    const collection = await db.collection('c', { ...settings, memoryBudget })
    const points = pointsOf(4_000, dimension)
    await collection.upsert(points.slice(0, 1_000))
    await collection.waitForIndex()
    const before = collection.stats()
    const error = await refusal(collection.upsert(points.slice(1_000, 2_000)))
    expect(error.code).toBe('ANNULUS_MEMORY_BUDGET')
    expect(error.details).toMatchObject({ budget: memoryBudget, slots: 2_000 })
    expect(error.details['fitting']).toContain('rotated 2')
    expect(error.details['fitting']).not.toContain('scalar')
    const slotsMax = Number(error.details['slotsMax'])
    expect(slotsMax).toBeGreaterThan(1_000)
    expect(slotsMax).toBeLessThan(2_000)
    expect(collection.stats()).toMatchObject({
      points: 1_000,
      slots: before.slots,
      writes: { queued: 0 },
    })
    expect(await collection.has(1_000)).toBe(false)
    // What fits is taken, to the last slot.
    await collection.upsert(points.slice(1_000, slotsMax))
    expect(await failure(collection.upsert(points.slice(slotsMax, slotsMax + 1)))).toBe(
      'ANNULUS_MEMORY_BUDGET',
    )
    await collection.waitForIndex()
    expect(taken(collection.stats())).toBeLessThanOrEqual(memoryBudget)
    expect(await failure(collection.optimize())).toBe('ANNULUS_MEMORY_BUDGET')
    expect(await collection.search(points[5]?.vector ?? [], { limit: 1 })).toMatchObject([
      { id: 5 },
    ])
    await db.close()

    const again = await openHere(path, storage)
    const less = { payloadCacheBytes: 0, memoryBudget: memoryBudget - (200 << 10) }
    expect(await failure(again.collection('c', less))).toBe('ANNULUS_MEMORY_BUDGET')
    const more = await again.collection('c', {
      payloadCacheBytes: 0,
      memoryBudget: 2 * memoryBudget,
    })
    await more.upsert(points.slice(1_000, 2_000))
    expect(more.size).toBe(2_000)
  })

  it('is for more than the caches, and is what auto() goes by', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const small = db.collection('small', { dimension: 8, memoryBudget: caches })
    expect(await failure(small)).toBe('ANNULUS_INVALID_ARGUMENT')
    expect(db.collections()).toEqual([])
    const dimension = 256
    const settings = { dimension, codesFrom: 100, graphFrom: 100_000, quantization: auto() }
    for (const [mib, codes] of [
      [100, 'scalar'],
      [80.68, 'rotated'],
    ] as const) {
      const memoryBudget = Math.round(mib * 2 ** 20)
      const collection = await db.collection(codes, { ...settings, memoryBudget })
      await collection.upsert(pointsOf(600, dimension))
      await collection.waitForIndex()
      const { index, memory } = collection.stats()
      expect(index.codes).toBe(codes)
      expect(index.reason).toContain('memory budget')
      expect(memory.needed).toBeLessThanOrEqual(memoryBudget)
    }
  })
})
