import {
  AbortError,
  AnnulusError,
  checksumVectors,
  crc32c,
  distances,
  type Metric,
  metrics,
  Pool,
  validateVectors,
} from '@annulus/native'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const floats = (length: number) =>
  fc.float32Array({ minLength: length, maxLength: length, min: -1e4, max: 1e4, noNaN: true })

/** A query and some vectors of the same dimension. */
const batch = fc
  .tuple(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 0, max: 9 }))
  .chain(([dimension, count]) => fc.tuple(floats(dimension), floats(dimension * count)))

function reference(metric: Metric, query: Float32Array, vector: Float32Array) {
  let [dot, magnitude, q2, v2, squares, absolutes] = [0, 0, 0, 0, 0, 0]
  for (const [i, a] of query.entries()) {
    const b = vector[i] ?? Number.NaN
    dot += a * b
    magnitude += Math.abs(a * b)
    q2 += a * a
    v2 += b * b
    squares += (a - b) ** 2
    absolutes += Math.abs(a - b)
  }
  const norms = Math.sqrt(q2) * Math.sqrt(v2)
  const cosine =
    norms === 0 ? { value: 0, size: 0 } : { value: -dot / norms, size: magnitude / norms }
  return {
    cosine,
    dot: { value: -dot, size: magnitude },
    euclidean: { value: squares, size: squares },
    manhattan: { value: absolutes, size: absolutes },
  }[metric]
}

function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

function bitwiseCrc(bytes: Uint8Array, seed: number): number {
  let crc = ~seed
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

/** What products below the smallest float may cost; a cosine divides it by norms of at least 1e-14. */
const underflow = 1e-14

describe('distances', () => {
  it.each(metrics)('%s agrees with float64', async (metric) => {
    await fc.assert(
      fc.asyncProperty(batch, async ([query, vectors]) => {
        const found = await distances(query, vectors, metric)
        expect(found.length).toBe(vectors.length / query.length)
        for (const [i, distance] of found.entries()) {
          const vector = vectors.subarray(i * query.length, (i + 1) * query.length)
          const { value, size } = reference(metric, query, vector)
          expect(Math.abs(distance - value)).toBeLessThanOrEqual(3e-6 * size + underflow)
        }
      }),
    )
  })

  it.each(metrics)('%s gives the same bits in any batch and at any position', async (metric) => {
    // Enough for several chunks on several workers.
    const dimension = 96
    const count = 5000
    const vectors = Float32Array.from({ length: dimension * count }, (_, i) => Math.sin(i * i))
    const query = vectors.slice(dimension, 2 * dimension)
    const all = await distances(query, vectors, metric)
    for (const i of [0, 1, 681, 682, 683, 1365, 4998, 4999]) {
      const alone = Float32Array.of(0, ...vectors.subarray(i * dimension, (i + 1) * dimension))
      expect(await distances(query, alone.subarray(1), metric)).toEqual(all.subarray(i, i + 1))
    }
  })

  it('copies the query', async () => {
    const query = Float32Array.of(1, 2)
    const pending = distances(query, Float32Array.of(3, 4), 'dot')
    query.fill(100)
    expect(await pending).toEqual(Float32Array.of(-11))
  })

  it('runs on a pool of the caller, also a closed one', async () => {
    const pool = new Pool(1)
    const query = Float32Array.of(1)
    expect(await distances(query, Float32Array.of(5), 'dot', { pool })).toEqual(Float32Array.of(-5))
    pool.close()
    pool.close()
    expect(await distances(query, Float32Array.of(5), 'dot', { pool })).toEqual(Float32Array.of(-5))
  })

  it('rejects with AbortError, whenever the signal comes', async () => {
    const vectors = new Float32Array(4_000_000)
    const query = new Float32Array(8)
    const early = await rejection(
      distances(query, vectors, 'cosine', { signal: AbortSignal.abort('early') }),
    )
    expect(early).toBeInstanceOf(AbortError)
    const pool = new Pool(1)
    const before = distances(query, vectors, 'cosine', { pool })
    const controller = new AbortController()
    const pending = distances(query, vectors, 'cosine', { pool, signal: controller.signal })
    controller.abort('late')
    const late = await rejection(pending)
    expect(late).toBeInstanceOf(AbortError)
    expect(late).toMatchObject({ code: 'ANNULUS_ABORTED', cause: 'late' })
    expect((await before).length).toBe(500_000)
  })

  it.each([
    ['ANNULUS_DIMENSION', () => distances(new Float32Array(3), new Float32Array(4), 'dot')],
    ['ANNULUS_DIMENSION', () => distances(new Float32Array(0), new Float32Array(4), 'dot')],
    // @ts-expect-error the metric does not exist
    ['ANNULUS_INVALID_ARGUMENT', () => distances(new Float32Array(2), new Float32Array(4), 'l2')],
    // @ts-expect-error not a Float32Array
    ['ANNULUS_INVALID_ARGUMENT', () => distances([1, 2], new Float32Array(4), 'dot')],
    // @ts-expect-error not a Float32Array
    ['ANNULUS_INVALID_ARGUMENT', () => distances(new Float32Array(2), new Float64Array(4), 'dot')],
    [
      'ANNULUS_UNKNOWN_OPTION',
      // @ts-expect-error a misspelt option
      () => distances(new Float32Array(2), new Float32Array(4), 'dot', { sginal: undefined }),
    ],
  ])('rejects bad input with %s', async (code, call) => {
    const error = await rejection(call())
    expect(error).toBeInstanceOf(AnnulusError)
    expect(error).toMatchObject({ code })
  })
})

describe('crc32c', () => {
  it('gives the published check value', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  })

  it('agrees with the bitwise definition for any bytes and seed', () => {
    const seed = fc.integer({ min: 0, max: 0xffffffff })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), seed, (bytes, seed) => {
        expect(crc32c(bytes, seed)).toBe(bitwiseCrc(bytes, seed))
      }),
    )
  })

  it.each([-1, 0.5, 2 ** 32, Number.NaN])('rejects the seed %s', (seed) => {
    expect(() => crc32c(new Uint8Array(1), seed)).toThrow(AnnulusError)
  })
})

describe('checksumVectors', () => {
  it.each([
    ['at once', 50],
    ['on workers', 9000],
  ])('is the CRC-32C of each vector seeded with its slot, computed %s', async (_, count) => {
    const dimension = 33
    const vectors = Float32Array.from({ length: dimension * count }, (_, i) => i / 7)
    const slots = Uint32Array.from({ length: count }, (_, i) => 2 ** 32 - 1 - 17 * i)
    const sums = await checksumVectors(vectors, dimension, slots)
    expect(sums.length).toBe(count)
    const bytes = new Uint8Array(vectors.buffer)
    for (let i = 0; i < count; i += 49) {
      const vector = bytes.subarray(i * dimension * 4, (i + 1) * dimension * 4)
      expect(sums[i]).toBe(crc32c(vector, slots[i]))
    }
  })

  it.each([
    ['ANNULUS_DIMENSION', 3, 1],
    ['ANNULUS_INVALID_ARGUMENT', 0, 1],
    ['ANNULUS_INVALID_ARGUMENT', 2, 1],
    ['ANNULUS_INVALID_ARGUMENT', 2, 3],
  ])('rejects with %s (dimension %s, %s slots)', async (code, dimension, slots) => {
    const error = await rejection(
      checksumVectors(new Float32Array(4), dimension, new Uint32Array(slots)),
    )
    expect(error).toMatchObject({ code })
  })
})

describe('validateVectors', () => {
  it('finds the first bad component, whatever stands around it', () => {
    const bad = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    const input = fc
      .tuple(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 5 }))
      .chain(([dimension, count]) =>
        fc.record({
          dimension: fc.constant(dimension),
          vectors: floats(dimension * count),
          at: fc.integer({ min: 0, max: dimension * count - 1 }),
          bad,
        }),
      )
    fc.assert(
      fc.property(input, ({ dimension, vectors, at, bad }) => {
        expect(validateVectors(vectors, dimension, { allowZero: true })).toBeUndefined()
        vectors[at] = bad
        expect(validateVectors(vectors, dimension, { allowZero: true })).toEqual({
          kind: Number.isNaN(bad) ? 'nan' : 'infinity',
          index: Math.floor(at / dimension),
          component: at % dimension,
        })
      }),
    )
  })

  it('finds zero vectors unless they are allowed', () => {
    const vectors = Float32Array.of(0, 1e-45, 0, -0, 0, 0)
    expect(validateVectors(vectors, 2)).toEqual({ kind: 'zero', index: 1, component: 0 })
    expect(validateVectors(vectors, 2, { allowZero: true })).toBeUndefined()
    expect(validateVectors(new Float32Array(0), 2)).toBeUndefined()
  })

  it('rejects floats that are not whole vectors', () => {
    expect(() => validateVectors(new Float32Array(3), 2)).toThrow(AnnulusError)
  })
})
