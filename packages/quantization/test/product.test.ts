import { AbortError, type Metric, Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type ProductOptions, product } from '../src/index.js'
import { native } from '../src/native.js'
import { encoded, expectRankingOfScaled, slotsOf, stored } from './coding.js'
import { distance, metricArbitrary, randomFloats, rowOf, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const compressionArbitrary = fc.constantFrom(
  4 as const,
  8 as const,
  16 as const,
  32 as const,
  64 as const,
)

const codesOf = (
  vectors: Float32Array,
  dimension: number,
  metric: Metric,
  options: ProductOptions = {},
) => encoded(product(options), pool, vectors, dimension, metric)

/** First components of the sub-spaces, and the end of the last. */
function startsOf(dimension: number, compression: number): number[] {
  const count = Math.ceil((4 * dimension) / compression)
  return Array.from({ length: count + 1 }, (_, j) => Math.floor((j * dimension) / count))
}

/** All centroids of a sub-space that some vector has, as they are decoded. */
function centroidsOf(decoded: readonly Float32Array[], from: number, to: number): Float32Array[] {
  const found = new Map<string, Float32Array>()
  for (const vector of decoded) {
    const part = vector.slice(from, to)
    found.set(part.join(), part)
  }
  return [...found.values()]
}

describe('product codes', () => {
  it('take a byte for so many bytes of float32, for any dimension', async () => {
    await fc.assert(
      fc.asyncProperty(
        compressionArbitrary,
        fc.integer({ min: 1, max: 300 }),
        async (compression, dimension) => {
          const codes = await codesOf(randomFloats(3 * dimension, 1), dimension, 'euclidean', {
            compression,
          })
          const bytes = Math.ceil((4 * dimension) / compression)
          expect(codes.parameters).toEqual({ compression, subspaces: bytes })
          expect(codes.bytesPerVector).toBeGreaterThanOrEqual(bytes)
          expect(codes.bytesPerVector).toBeLessThanOrEqual(Math.max(bytes * 1.125, bytes + 15))
          codes.close()
        },
      ),
      { numRuns: 30 },
    )
  })

  it('stand for the nearest centroid of each sub-space', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        compressionArbitrary,
        async ({ vectors, dimension, n, seed, scale }, metric, compression) => {
          const codes = await codesOf(vectors, dimension, metric, { compression })
          // Others than those trained on as well.
          const others = randomFloats(5 * dimension, seed + 7, 2 * scale)
          await codes.encode(n, others)
          const decoded = Array.from({ length: n + 5 }, (_, slot) => codes.decode(slot))
          const starts = startsOf(dimension, compression)
          for (const [j, from] of starts.slice(0, -1).entries()) {
            const to = starts[j + 1] ?? dimension
            const centroids = centroidsOf(decoded, from, to)
            expect(centroids.length).toBeLessThanOrEqual(256)
            for (let slot = 0; slot < n + 5; slot++) {
              const raw =
                slot < n ? rowOf(vectors, dimension, slot) : rowOf(others, dimension, slot - n)
              const part = stored(metric, raw).subarray(from, to)
              const own = distance('euclidean', part, decoded[slot]?.subarray(from, to) ?? part)
              const rounding =
                1e-5 * Math.sqrt(own) * Math.hypot(...part) + 1e-10 * Math.hypot(...part) ** 2
              const distances = centroids.map((centroid) => distance('euclidean', part, centroid))
              expect(own).toBeLessThanOrEqual(Math.min(...distances) * 1.0001 + rounding)
            }
          }
          codes.close()
        },
      ),
      { numRuns: 15 },
    )
  })

  it('keep vectors as they are when there are no more of them than centroids', async () => {
    const dimension = 33
    const vectors = randomFloats(200 * dimension, 4)
    for (const compression of [4, 16, 64] as const) {
      const codes = await codesOf(vectors, dimension, 'dot', { compression })
      for (let slot = 0; slot < 200; slot++) {
        const decoded = codes.decode(slot)
        const error = distance('euclidean', decoded, rowOf(vectors, dimension, slot))
        expect(error).toBeLessThanOrEqual(1e-10)
      }
    }
  })

  it('give the distances between the query and the decoded vectors', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        compressionArbitrary,
        fc.constantFrom(0.1, 1, 30),
        async ({ vectors, dimension, n, seed, scale }, metric, compression, reach) => {
          const codes = await codesOf(vectors, dimension, metric, { compression })
          const query = stored(metric, randomFloats(dimension, seed + 1, scale * reach))
          const distances = native.queryDistances(codes.scorer(), query, slotsOf(n))
          const decoded = Array.from(slotsOf(n), (slot) => codes.decode(slot))
          const largest = Math.max(...decoded.map((vector) => Math.hypot(...vector)))
          const norm = Math.hypot(...query)
          for (const [slot, vector] of decoded.entries()) {
            const expected = distance(metric, query, vector)
            const size =
              metric === 'euclidean'
                ? (norm + largest) ** 2
                : metric === 'manhattan'
                  ? (norm + largest) * Math.sqrt(dimension)
                  : norm * largest
            // Half a unit, of 65,535 in what the widest table spans, for each sub-space at most.
            const subspaces = codes.parameters['subspaces'] ?? 0
            const tolerance = size * (1e-5 + (0.51 / 65_535) * 2 * Math.min(subspaces, 40))
            expect(Math.abs((distances[slot] ?? 0) - expected)).toBeLessThanOrEqual(tolerance)
          }
          codes.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('between codes are those between the decoded vectors, symmetric, and 0 to themselves', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        compressionArbitrary,
        async ({ vectors, dimension, n }, metric, compression) => {
          const codes = await codesOf(vectors, dimension, metric, { compression })
          const scorer = codes.scorer()
          const from = n - 1
          const pairs = native.pairDistances(scorer, from, slotsOf(n))
          const asQuery = native.queryDistances(scorer, from, slotsOf(n))
          const own = codes.decode(from)
          if (metric === 'euclidean' || metric === 'manhattan') {
            expect(pairs[from]).toBe(0)
            expect(asQuery[from]).toBe(0)
          }
          const decoded = Array.from(slotsOf(n), (slot) => codes.decode(slot))
          const norms = decoded.map((vector) => Math.hypot(...vector))
          const largest = Math.max(...norms)
          for (const [slot, other] of decoded.entries()) {
            const expected = distance(metric, own, other)
            const size = metric === 'manhattan' ? largest * Math.sqrt(dimension) : largest ** 2
            expect(Math.abs((pairs[slot] ?? 0) - expected)).toBeLessThanOrEqual(2e-5 * size)
            expect(Math.abs((asQuery[slot] ?? 0) - expected)).toBeLessThanOrEqual(1e-3 * size)
            expect(native.pairDistances(scorer, slot, Uint32Array.of(from))[0]).toBe(pairs[slot])
          }
          codes.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('rank the same when a dot product query is scaled', async () => {
    const dimension = 96
    const codes = await codesOf(randomFloats(400 * dimension, 3), dimension, 'dot')
    await expectRankingOfScaled(codes)
  })
})

describe('training of product codes', () => {
  const dimension = 40
  const sample = randomFloats(3000 * dimension, 23)

  it('depends on the seed only', async () => {
    const decoded = async (options: ProductOptions) => {
      const codes = await codesOf(sample, dimension, 'euclidean', options)
      return Array.from({ length: 50 }, (_, slot) => codes.decode(slot))
    }
    const first = await decoded({})
    expect(await decoded({ seed: 0 })).toEqual(first)
    expect(await decoded({ seed: 1 })).not.toEqual(first)
  })

  it('leaves less error than centroids taken at random', async () => {
    const codes = await codesOf(sample, dimension, 'euclidean', { compression: 16 })
    const starts = startsOf(dimension, 16)
    let error = 0
    let random = 0
    for (let slot = 0; slot < 300; slot++) {
      const vector = rowOf(sample, dimension, slot)
      error += distance('euclidean', vector, codes.decode(slot))
      for (const [j, from] of starts.slice(0, -1).entries()) {
        const part = vector.subarray(from, starts[j + 1])
        let least = Number.POSITIVE_INFINITY
        for (let other = 1000; other < 1256; other++) {
          const centroid = rowOf(sample, dimension, other).subarray(from, starts[j + 1])
          least = Math.min(least, distance('euclidean', part, centroid))
        }
        random += least
      }
    }
    // For four uniform components k-means is known to leave about two thirds.
    expect(error / random).toBeLessThan(0.8)
  })

  it('tells its progress, and ends when it is aborted, with nothing left behind', async () => {
    const seen: [number, number][] = []
    await product().train(sample, {
      dimension,
      metric: 'dot',
      pool,
      onProgress: (done, total) => seen.push([done, total]),
    })
    const [done, total] = seen.at(-1) ?? []
    expect(done).toBe(total)
    expect(total).toBeGreaterThan(10)
    const reason = new Error('enough')
    const controller = new AbortController()
    // Long enough to be told of before it is over.
    const long = randomFloats(16_384 * dimension, 24)
    const training = product({ compression: 4 }).train(long, {
      dimension,
      metric: 'dot',
      pool,
      signal: controller.signal,
      onProgress: (count, of) => {
        if (count < of) controller.abort(reason)
      },
    })
    await expect(training).rejects.toBeInstanceOf(AbortError)
    await expect(training).rejects.toMatchObject({ cause: reason })
    expect(native.pending()).toBe(0)
  })

  it('names a vector that is not finite, wherever it is', async () => {
    const bad = sample.slice()
    bad[2999 * dimension + 5] = Number.POSITIVE_INFINITY
    const training = product().train(bad, { dimension, metric: 'dot', pool })
    await expect(training).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_VECTOR',
      details: { vector: 2999 },
    })
  })

  it('refuses other options', () => {
    // @ts-expect-error: no such compression
    expect(() => product({ compression: 12 })).toThrow(/compression/)
    expect(() => product({ seed: -1 })).toThrow(/seed/)
    expect(() => product({ seed: 0.5 })).toThrow(/seed/)
    // @ts-expect-error: no such option
    expect(() => product({ centroids: 16 })).toThrow(
      expect.objectContaining({ code: 'ANNULUS_UNKNOWN_OPTION' }),
    )
  })
})
