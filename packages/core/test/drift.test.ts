import { scalar } from '@annulus/quantization'
import { memoryStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Drift, DriftTest } from '../src/drift.js'
import { directory, exactScore, openHere, random, vectors } from './world.js'

const dimension = 16
const expected = 0.05

/** Vectors looked at in batches, a share of them unusual. */
function observed(share: number, seed: number, batches: number): Drift | undefined {
  const test = new DriftTest()
  const next = random(seed)
  let looked = 0
  let beyond = 0
  for (let batch = 0; batch < batches; batch++) {
    const size = 1 + Math.floor(next() * 200)
    for (let i = 0; i < size; i++) beyond += Number(next() < share)
    looked += size
    const drift = test.observe({ looked, beyond, expected })
    if (drift !== undefined) return drift
  }
  return undefined
}

describe('the test for drift', () => {
  it('never fires for what training saw, nor for twice its share of unusual vectors', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom(0, expected / 2, expected, 2 * expected),
        (seed, share) => {
          expect(observed(share, seed, 300)).toBeUndefined()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('fires soon where half of the vectors are unusual, and tells the share', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const drift = observed(0.5, seed, 20)
        expect(drift?.expected).toBe(expected)
        expect(drift?.looked).toBeLessThan(1_000)
        expect(drift?.share).toBeGreaterThan(0.3)
      }),
    )
  })
})

async function collectionOf(first: readonly Float32Array[]) {
  const db = await openHere(await directory(), memoryStorage())
  const collection = await db.collection('c', {
    dimension,
    metric: 'euclidean',
    quantization: scalar(),
    graphFrom: 100_000,
  })
  const told: Drift[] = []
  collection.on('drift', (drift) => told.push(drift))
  await collection.upsert(first.map((vector, id) => ({ id, vector })))
  await collection.waitForIndex()
  return { collection, told }
}

describe('a collection', () => {
  it('is silent while new vectors are like the old ones', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { collection, told } = await collectionOf(vectors(1_500, dimension, seed))
      const more = vectors(5_000, dimension, seed + 100)
      await collection.upsert(more.map((vector, id) => ({ id: 10_000 + id, vector })))
      await collection.waitForIndex()
      expect(told).toEqual([])
    }
  })

  it('tells of vectors from elsewhere once, and finds them again after optimize', async () => {
    const { collection, told } = await collectionOf(vectors(1_500, dimension))
    const shifted = vectors(3_000, dimension, 7).map((vector) => vector.map((value) => value + 9))
    await collection.upsert(shifted.map((vector, id) => ({ id: 10_000 + id, vector })))
    await collection.waitForIndex()
    expect(told).toHaveLength(1)
    expect(told[0]?.share).toBeGreaterThan(0.9)

    const queries = vectors(30, dimension, 8).map((vector) => vector.map((value) => value + 9))
    const recall = async () => {
      let found = 0
      for (const query of queries) {
        const best = shifted
          .map((vector, id) => ({ id: 10_000 + id, score: exactScore('euclidean', query, vector) }))
          .sort((a, b) => a.score - b.score)
          .slice(0, 10)
          .map(({ id }) => id)
        const hits = await collection.search(query, { rescore: true })
        found += hits.filter(({ id }) => best.includes(Number(id))).length
      }
      return found / (10 * queries.length)
    }
    expect(await recall()).toBeLessThan(0.5)
    // Searches go on meanwhile.
    let done = false
    const optimizing = collection.optimize().then(() => {
      done = true
    })
    let searches = 0
    while (!done) {
      expect(await collection.search(queries[searches % 30] ?? [])).toHaveLength(10)
      searches++
    }
    await optimizing
    expect(searches).toBeGreaterThan(0)
    expect(await recall()).toBeGreaterThanOrEqual(0.99)
    expect(told).toHaveLength(1)
  })
})
