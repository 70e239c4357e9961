import { type Metric, metrics, Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type Codes, type ScalarOptions, scalar } from '../src/index.js'
import { native } from '../src/native.js'
import { encoded, expectRankingOfScaled, slotsOf, stored } from './coding.js'
import { distance, metricArbitrary, randomFloats, rowOf, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const codesOf = (
  vectors: Float32Array,
  dimension: number,
  metric: Metric,
  options: ScalarOptions = {},
) => encoded(scalar(options), pool, vectors, dimension, metric)

function rangeOf(codes: Codes): { low: number; high: number; step: number } {
  const { low = Number.NaN, high = Number.NaN, step = Number.NaN } = codes.parameters
  return { low, high, step }
}

/** Sum of what the terms of a distance are made of: the scale of its rounding. */
function magnitude(metric: Metric, a: Float32Array, b: Float32Array): number {
  if (metric === 'euclidean' || metric === 'manhattan') return distance(metric, a, b)
  return Math.hypot(...a) * Math.hypot(...b)
}

describe('encoding', () => {
  it('decodes values inside the range to within its bound, and the rest to its ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        fc.constantFrom(undefined, 0.9, 0.99, 1),
        async ({ vectors, dimension, n }, metric, quantile) => {
          const options = quantile === undefined ? {} : { quantile }
          const codes = await codesOf(vectors, dimension, metric, options)
          const { low, high, step } = rangeOf(codes)
          for (let slot = 0; slot < n; slot++) {
            const vector = stored(metric, rowOf(vectors, dimension, slot))
            const decoded = codes.decode(slot)
            const errors = vector.map((value, i) =>
              Math.abs((decoded[i] ?? Number.NaN) - Math.min(Math.max(value, low), high)),
            )
            // Half a step; a whole one where rounding keeps the error along the vector small. And the
            // rounding of float32 values of this size.
            const steps = metric === 'cosine' || metric === 'dot' ? 1.0001 : 0.5001
            const bound = step * steps + 2 ** -23 * Math.max(Math.abs(low), Math.abs(high))
            expect(Math.max(...errors)).toBeLessThanOrEqual(bound)
          }
          codes.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('leaves hardly any error along the vector for cosine and dot', async () => {
    const dimension = 128
    const vectors = randomFloats(300 * dimension, 31)
    for (const metric of ['cosine', 'dot'] as const) {
      const codes = await codesOf(vectors, dimension, metric, { quantile: 1 })
      const { step } = rangeOf(codes)
      let squares = 0
      for (let slot = 0; slot < 300; slot++) {
        const vector = stored(metric, rowOf(vectors, dimension, slot))
        const along = distance('dot', vector, vector) - distance('dot', vector, codes.decode(slot))
        squares += (along / Math.hypot(...vector)) ** 2
      }
      // Plain rounding leaves step / sqrt(12).
      expect(Math.sqrt(squares / 300)).toBeLessThan(0.1 * step)
    }
  })

  it('clips exactly the asked share of the values, half at each end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(0.5, 0.9, 0.99, 0.999, 1),
        fc.nat(),
        async (dimension, n, quantile, seed) => {
          const total = n * dimension
          // Distinct values, negative and positive, in an order that depends on the seed.
          const offset = seed % total
          const values = Float32Array.from(
            { length: total },
            (_, i) => ((i * 7919 + offset) % total) - total / 3,
          )
          fc.pre(new Set(values).size === total)
          const codes = await scalar({ quantile }).train(values, {
            dimension,
            metric: 'dot',
            pool,
          })
          const { low, high } = rangeOf(codes)
          const tail = Math.floor((total * (1 - quantile)) / 2 + 1e-6)
          // A range of one value only is widened; it clips nothing then.
          fc.pre(tail < (total - 1) / 2)
          const slack = 1e-6 * total
          expect(values.filter((value) => value < low - slack).length).toBe(tail)
          expect(values.filter((value) => value > high + slack).length).toBe(tail)
          codes.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('keeps pixels exact: at quantile 1 bytes come back as they are', async () => {
    const dimension = 784
    const pixels = randomFloats(30 * dimension, 5, 127.5, 127.5).map(Math.round)
    pixels[0] = 0
    pixels[1] = 255
    const codes = await codesOf(pixels, dimension, 'euclidean', { quantile: 1 })
    const query = pixels.slice(dimension, 2 * dimension)
    const slots = slotsOf(30)
    const distances = native.queryDistances(codes.scorer(), query, slots)
    for (const slot of slots) {
      expect(codes.decode(slot)).toEqual(rowOf(pixels, dimension, slot))
      const expected = Math.fround(distance('euclidean', query, rowOf(pixels, dimension, slot)))
      expect(distances[slot]).toBe(expected)
    }
    expect(distances[1]).toBe(0)
  })
})

describe('distances', () => {
  it('are those between the query and the decoded vectors, for all metrics', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        fc.constantFrom(0.1, 1, 30),
        async ({ vectors, dimension, n, seed, scale }, metric, reach) => {
          const codes = await codesOf(vectors, dimension, metric)
          // `reach` 30 lies far outside of the range of the codes: queries are not clipped.
          const query = randomFloats(dimension, seed + 1, scale * reach)
          const expectedQuery = stored(metric, query)
          const scorer = codes.scorer()
          const distances = native.queryDistances(scorer, query, slotsOf(n))
          const { step } = rangeOf(codes)
          const largest = Math.max(...expectedQuery.map(Math.abs))
          for (let slot = 0; slot < n; slot++) {
            const decoded = codes.decode(slot)
            const expected = distance(metric, expectedQuery, decoded)
            const size = magnitude(metric, expectedQuery, decoded)
            // The query's own rounding: at most a 2^14th of its largest component or of a step.
            const rounding = (Math.max(largest, step * 128) / 2 ** 14) * dimension * step * 128
            const tolerance =
              metric === 'manhattan'
                ? (step / 512) * dimension + 1e-5 * size
                : rounding * 0.5 + 1e-4 * size
            expect(Math.abs((distances[slot] ?? 0) - expected)).toBeLessThanOrEqual(
              tolerance + 1e-12,
            )
          }
          codes.close()
        },
      ),
      { numRuns: 80 },
    )
  })

  it('between codes are those between the decoded vectors, and symmetric', async () => {
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricArbitrary,
        async ({ vectors, dimension, n }, metric) => {
          const codes = await codesOf(vectors, dimension, metric)
          const scorer = codes.scorer()
          const from = n - 1
          const pairs = native.pairDistances(scorer, from, slotsOf(n))
          const asQuery = native.queryDistances(scorer, from, slotsOf(n))
          const decoded = codes.decode(from)
          // Decoded vectors are float32: far from the origin their differences lose that much.
          const rounding = 2 ** -23 * Math.max(...decoded.map(Math.abs)) * dimension
          for (let slot = 0; slot < n; slot++) {
            const other = codes.decode(slot)
            const expected = distance(metric, decoded, other)
            const size =
              magnitude(metric, decoded, other) + Math.abs(distance('dot', decoded, decoded))
            expect(Math.abs((pairs[slot] ?? 0) - expected)).toBeLessThanOrEqual(
              1e-5 * size + rounding + 1e-12,
            )
            expect(Math.abs((asQuery[slot] ?? 0) - expected)).toBeLessThanOrEqual(
              1e-3 * size + rounding + 1e-12,
            )
            const back = native.pairDistances(scorer, slot, Uint32Array.of(from))
            expect(back[0]).toBe(pairs[slot])
          }
          codes.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('rank the same when a dot product query is scaled', async () => {
    const dimension = 96
    const vectors = randomFloats(400 * dimension, 3)
    const codes = await codesOf(vectors, dimension, 'dot', { quantile: 0.99 })
    await expectRankingOfScaled(codes, () => 2e-4)
  })

  it('keep precision far from the origin', async () => {
    const dimension = 128
    const vectors = randomFloats(200 * dimension, 9, 1, 3000)
    const codes = await codesOf(vectors, dimension, 'euclidean', { quantile: 1 })
    const query = randomFloats(dimension, 10, 1, 3000)
    const distances = native.queryDistances(codes.scorer(), query, slotsOf(200))
    for (let slot = 0; slot < 200; slot++) {
      const expected = distance('euclidean', query, codes.decode(slot))
      expect(Math.abs((distances[slot] ?? 0) / expected - 1)).toBeLessThan(1e-2)
    }
  })
})

describe('unusual vectors', () => {
  it.each([...metrics])('constant ones are exact (%s)', async (metric) => {
    for (const value of [-7.25, 1e-20, 0.125, 3e8]) {
      const vectors = new Float32Array(10 * 8).fill(value)
      const codes = await codesOf(vectors, 8, metric)
      const expected = stored(metric, rowOf(vectors, 8, 0))
      for (let i = 0; i < 8; i++) {
        expect(codes.decode(3)[i]).toBeCloseTo(expected[i] ?? 0, 6)
      }
    }
  })
})
