// Every kind of code with its options by default, vectors encoded by one, and what all of them must do.
import type { Metric, Pool } from '@annulus/native'
import fc from 'fast-check'
import { expect } from 'vitest'
import { binary, type Codes, none, product, type Quantizer, rotated, scalar } from '../src/index.js'
import { normalised, randomFloats } from './support.js'

export const everyKind: readonly [string, () => Quantizer][] = [
  ['scalar', () => scalar()],
  ['none', () => none()],
  ['product', () => product()],
  ['binary', () => binary()],
  ['rotated, 1 bit', () => rotated({ bits: 1 })],
  ['rotated, 2 bits', () => rotated({ bits: 2 })],
  ['rotated, 4 bits', () => rotated({ bits: 4 })],
  ['rotated, 8 bits', () => rotated({ bits: 8 })],
]

/** The codes of vectors that they are trained on, from slot 0. */
export async function encoded(
  quantizer: Quantizer,
  pool: Pool,
  vectors: Float32Array,
  dimension: number,
  metric: Metric,
): Promise<Codes> {
  const codes = await quantizer.train(vectors, { dimension, metric, pool })
  await codes.encode(0, vectors)
  return codes
}

export const slotsOf = (n: number) => Uint32Array.from({ length: n }, (_, slot) => slot)

/** What codes hold of a vector. */
export const stored = (metric: Metric, vector: Float32Array) =>
  metric === 'cosine' ? normalised(vector) : vector

/**
 * Scans with a query scaled by a power of two give the same slots. Another factor may round the query
 * anew: then distances differ by at most `tolerance`, given those of the query itself.
 */
export async function expectRankingOfScaled(
  codes: Codes,
  tolerance?: (distances: Float32Array) => number,
): Promise<void> {
  const k = codes.slots
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.integer({ min: -60, max: 60 }), async (seed, power) => {
      const query = randomFloats(codes.dimension, seed)
      const scaledBy = (factor: number) =>
        codes.scan(
          query.map((value) => value * factor),
          { k },
        )
      const plain = await scaledBy(1)
      expect((await scaledBy(2 ** power)).slots).toEqual(plain.slots)
      if (tolerance === undefined) return
      const odd = await scaledBy(37.3)
      const most = tolerance(plain.distances)
      for (let rank = 0; rank < k; rank++) {
        const difference = (odd.distances[rank] ?? 0) / 37.3 - (plain.distances[rank] ?? 0)
        expect(Math.abs(difference)).toBeLessThan(most)
      }
    }),
    { numRuns: 20 },
  )
}
