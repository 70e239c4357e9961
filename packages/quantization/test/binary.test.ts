import { type Metric, Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { binary } from '../src/index.js'
import { native } from '../src/native.js'
import { encoded, expectRankingOfScaled, slotsOf, stored } from './coding.js'
import { distance, randomFloats, rowOf, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const metrics = ['cosine', 'dot', 'euclidean'] as const
const metricArbitrary = fc.constantFrom(...metrics)

const codesOf = (vectors: Float32Array, dimension: number, metric: Metric) =>
  encoded(binary(), pool, vectors, dimension, metric)

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/** The mean of the stored vectors; its direction for cosine and dot. */
function centreOf(vectors: Float32Array, dimension: number, metric: Metric): Float64Array {
  const n = vectors.length / dimension
  const mean = new Float64Array(dimension)
  for (let slot = 0; slot < n; slot++) {
    const vector = stored(metric, rowOf(vectors, dimension, slot))
    for (let i = 0; i < dimension; i++) mean[i] = (mean[i] ?? 0) + (vector[i] ?? 0) / n
  }
  if (metric === 'euclidean') return mean
  const norm = Math.hypot(...mean)
  return mean.map((value) => (norm === 0 ? 0 : value / norm))
}

interface Reference {
  readonly along: number
  readonly residual: Float64Array
  readonly signs: Float64Array
  readonly norm: number
}

function referenceOf(vector: Float32Array, centre: Float64Array, metric: Metric): Reference {
  const along = metric === 'euclidean' ? 1 : dot(vector, centre)
  const residual = Float64Array.from(vector, (value, i) => value - along * (centre[i] ?? 0))
  return {
    along,
    residual,
    signs: residual.map((value) => (value > 0 ? 1 : -1)),
    norm: Math.hypot(...residual),
  }
}

describe('binary codes', () => {
  it('decode to the nearest vector of their signs, for all metrics', async () => {
    await fc.assert(
      fc.asyncProperty(vectorsArbitrary, metricArbitrary, async (shape, metric) => {
        const { vectors, dimension, n } = shape
        const codes = await codesOf(vectors, dimension, metric)
        const centre = centreOf(vectors, dimension, metric)
        for (let slot = 0; slot < n; slot++) {
          const vector = stored(metric, rowOf(vectors, dimension, slot))
          const { residual, norm } = referenceOf(vector, centre, metric)
          // Of all that are one magnitude away from the centre, mean |r| is nearest: what is left
          // of the residual is |r|^2 less dimension * mean^2.
          const mean = residual.reduce((sum, value) => sum + Math.abs(value), 0) / dimension
          const decoded = codes.decode(slot)
          const error = distance('euclidean', vector, decoded)
          const rounding = 1e-5 * Math.hypot(...vector) + 1e-5 * norm
          const expected = Math.sqrt(Math.max(0, norm ** 2 - dimension * mean ** 2))
          expect(Math.sqrt(error)).toBeLessThanOrEqual(expected * 1.0001 + rounding * 10)
        }
        codes.close()
      }),
      { numRuns: 60 },
    )
  })

  it('estimate products with the residual by its signs, right along it', async () => {
    await fc.assert(
      fc.asyncProperty(vectorsArbitrary, metricArbitrary, async (shape, metric) => {
        const { vectors, dimension, n, seed, scale } = shape
        const codes = await codesOf(vectors, dimension, metric)
        const centre = centreOf(vectors, dimension, metric)
        const query = stored(metric, randomFloats(dimension, seed + 1, scale))
        const q = referenceOf(query, centre, metric)
        const distances = native.queryDistances(codes.scorer(), query, slotsOf(n))
        const largest = Math.max(...q.residual.map(Math.abs))
        for (let slot = 0; slot < n; slot++) {
          const vector = stored(metric, rowOf(vectors, dimension, slot))
          const x = referenceOf(vector, centre, metric)
          const along = dot(x.residual, x.signs)
          // A residual that is all rounding has signs of its own.
          if (x.norm < 1e-3 * Math.hypot(...vector)) continue
          // Components at the centre may fall on either side.
          const doubtful = x.residual.reduce(
            (sum, value, i) =>
              sum + (Math.abs(value) < 1e-6 * scale ? Math.abs(q.residual[i] ?? 0) : 0),
            0,
          )
          const factor = along > 0 ? x.norm ** 2 / along : 0
          const product = dot(q.residual, x.signs) * factor
          const expected =
            metric === 'euclidean'
              ? q.norm ** 2 + x.norm ** 2 - 2 * product
              : -(q.along * x.along + product)
          const rounding = (largest / 255) * 0.5 * dimension + 2 * doubtful
          const size = (Math.hypot(...query) + q.norm) * (Math.hypot(...vector) + x.norm)
          const tolerance = 2.01 * factor * rounding + 1e-4 * size + 1e-5 * x.norm ** 2
          expect(Math.abs((distances[slot] ?? 0) - expected)).toBeLessThanOrEqual(tolerance)
        }
        codes.close()
      }),
      { numRuns: 80 },
    )
  })

  it('between codes grow with the bits that differ, are symmetric and know themselves', async () => {
    await fc.assert(
      fc.asyncProperty(vectorsArbitrary, metricArbitrary, async (shape, metric) => {
        const { vectors, dimension, n } = shape
        const codes = await codesOf(vectors, dimension, metric)
        const centre = centreOf(vectors, dimension, metric)
        const scorer = codes.scorer()
        const from = n - 1
        const pairs = native.pairDistances(scorer, from, slotsOf(n))
        expect(native.queryDistances(scorer, from, slotsOf(n))).toEqual(pairs)
        const own = stored(metric, rowOf(vectors, dimension, from))
        const square = dot(own, own)
        if (metric === 'euclidean') expect(pairs[from]).toBe(0)
        else {
          const error = Math.abs((pairs[from] ?? 0) + square)
          expect(error).toBeLessThanOrEqual(1e-5 * square + 1e-30)
        }
        const { along, norm } = referenceOf(own, centre, metric)
        for (let slot = 0; slot < n; slot++) {
          expect(native.pairDistances(scorer, slot, Uint32Array.of(from))[0]).toBe(pairs[slot])
          const other = stored(metric, rowOf(vectors, dimension, slot))
          const x = referenceOf(other, centre, metric)
          const part = metric === 'euclidean' ? 0 : along * x.along
          const span = norm * x.norm * (1 + 1e-4) + 1e-5 * Math.hypot(...own) * Math.hypot(...other)
          const product =
            metric === 'euclidean'
              ? (norm ** 2 + x.norm ** 2 - (pairs[slot] ?? 0)) / 2
              : -(pairs[slot] ?? 0) - part
          expect(Math.abs(product)).toBeLessThanOrEqual(span + 1e-5 * (norm ** 2 + x.norm ** 2))
        }
        codes.close()
      }),
      { numRuns: 40 },
    )
  })

  it('estimate without bias over random directions', async () => {
    const dimension = 256
    const n = 4000
    const vectors = randomFloats(n * dimension, 11)
    const codes = await codesOf(vectors, dimension, 'euclidean')
    let error = 0
    for (let slot = 0; slot < n; slot += 100) {
      // A query near the vector, where a factor that is wrong shows most.
      const noise = randomFloats(dimension, slot + 1, 0.5)
      const vector = rowOf(vectors, dimension, slot)
      const query = vector.map((value, i) => value + (noise[i] ?? 0))
      const [estimate = 0] = native.queryDistances(codes.scorer(), query, Uint32Array.of(slot))
      error += (estimate - distance('euclidean', query, vector)) / Math.hypot(...vector) ** 2
    }
    // The error of one estimate is about 4 % of the norms here, of the mean of 40 a sixth of that.
    expect(Math.abs(error / 40)).toBeLessThan(0.02)
  })

  it('rank the same when a dot product query is scaled', async () => {
    const dimension = 96
    const codes = await codesOf(randomFloats(400 * dimension, 3, 1, 0.3), dimension, 'dot')
    await expectRankingOfScaled(codes, (distances) => 1e-2 * Math.max(...distances.map(Math.abs)))
  })

  it('do not see a shift of all vectors (euclidean)', async () => {
    const dimension = 64
    const vectors = randomFloats(200 * dimension, 5).map((value) => Math.round(value * 64) / 64)
    const query = randomFloats(dimension, 6).map((value) => Math.round(value * 64) / 64)
    const shifted = (values: Float32Array) => values.map((value) => value + 1024)
    const plain = await codesOf(vectors, dimension, 'euclidean')
    const moved = await codesOf(shifted(vectors), dimension, 'euclidean')
    const a = native.queryDistances(plain.scorer(), query, slotsOf(200))
    const b = native.queryDistances(moved.scorer(), shifted(query), slotsOf(200))
    for (const slot of slotsOf(200)) expect((b[slot] ?? 0) / (a[slot] ?? 0)).toBeCloseTo(1, 1)
  })

  it('take a bit a component and 12 bytes', async () => {
    const codes = await codesOf(randomFloats(768 * 3, 1), 768, 'cosine')
    expect(codes.bytesPerVector).toBe(112)
    expect(codes.parameters).toEqual({ bits: 1 })
  })

  it('refuse manhattan', async () => {
    const training = binary().train(randomFloats(40, 1), {
      dimension: 4,
      metric: 'manhattan',
      pool,
    })
    await expect(training).rejects.toMatchObject({ code: 'ANNULUS_UNSUPPORTED' })
  })
})
