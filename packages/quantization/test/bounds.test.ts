// Bounds that training calibrates: violated no more often than stated, on pairs it never saw.
import { join } from 'node:path'
import { distances, type Metric, metrics, Pool } from '@annulus/native'
import { afterAll, describe, expect, it } from 'vitest'
import {
  binary,
  type Codes,
  loadCodes,
  none,
  product,
  type Quantizer,
  rotated,
  scalar,
} from '../src/index.js'
import { native } from '../src/native.js'
import { rowOf, temporaryFolder } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const dimension = 64
const near = 100

const kinds: readonly [string, () => Quantizer, readonly Metric[]][] = [
  ['scalar', () => scalar(), metrics],
  ['scalar clipped', () => scalar({ quantile: 0.98 }), metrics],
  ['binary', () => binary(), ['cosine', 'dot', 'euclidean']],
  ['product', () => product({ compression: 8 }), metrics],
  ['rotated 1', () => rotated({ bits: 1 }), ['cosine', 'dot', 'euclidean']],
  ['rotated 4', () => rotated({ bits: 4 }), ['cosine', 'dot', 'euclidean']],
]
const cases = kinds.flatMap(([name, quantizer, of]) =>
  of.map((metric) => [name, metric, quantizer] as const),
)

/** Normal numbers (Box and Muller, 1958) from a linear congruential generator. */
function normals(seed: number): () => number {
  let state = seed >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** Clusters with some structure in each, norms that differ, and an offset: the same world for every seed. */
function world(n: number, seed: number): Float32Array {
  const fixed = normals(7)
  const centres = Float32Array.from({ length: 40 * dimension }, fixed)
  const axes = Float32Array.from({ length: 8 * dimension }, fixed)
  const next = normals(seed)
  const vectors = new Float32Array(n * dimension)
  for (let row = 0; row < n; row++) {
    const centre = Math.floor(Math.abs(next()) * 1e4) % 40
    const length = Math.exp(0.3 * next())
    const weights = Array.from({ length: 8 }, next)
    for (let i = 0; i < dimension; i++) {
      let value = 0.3 + (centres[centre * dimension + i] ?? 0) + 0.2 * next()
      for (const [axis, weight] of weights.entries()) {
        value += 0.3 * weight * (axes[axis * dimension + i] ?? 0)
      }
      vectors[row * dimension + i] = length * value
    }
  }
  return vectors
}

const slotsOf = (n: number) => Uint32Array.from({ length: n }, (_, slot) => slot)

async function trained(quantizer: Quantizer, metric: Metric, base: Float32Array): Promise<Codes> {
  const codes = await quantizer.train(world(3_000, 1), { dimension, metric, pool })
  await codes.encode(0, base)
  return codes
}

describe('bounds', () => {
  const base = world(4_000, 2)
  const queries = world(260, 3)
  const slots = slotsOf(4_000)

  it.each(cases)(
    '%s, %s: hold for 99 % of a million fresh pairs, and of the near ones',
    async (_, metric, quantizer) => {
      const codes = await trained(quantizer(), metric, base)
      const scorer = codes.scorer()
      const violated = { below: 0, above: 0, nearBelow: 0, nearAbove: 0 }
      for (let q = 0; q < 260; q++) {
        const query = rowOf(queries, dimension, q)
        const both = native.queryBounds(scorer, query, slots) ?? new Float32Array()
        const truth = await distances(query, base, metric, { pool })
        const error = (slot: number) => (truth[slot] ?? 0) - (both[slot] ?? 0)
        const below = (slot: number) => Number(error(slot) < -(both[slots.length + slot] ?? 0))
        const above = (slot: number) => Number(error(slot) > (both[2 * slots.length + slot] ?? 0))
        for (const slot of slots) {
          violated.below += below(slot)
          violated.above += above(slot)
        }
        const order = slots.slice().sort((a, b) => (both[a] ?? 0) - (both[b] ?? 0))
        for (const slot of order.subarray(0, near)) {
          violated.nearBelow += below(slot)
          violated.nearAbove += above(slot)
        }
      }
      for (const all of [violated.below, violated.above]) {
        expect(all / (260 * slots.length)).toBeLessThanOrEqual(0.01)
        // Bounds that always hold because they are enormous would be no use.
        expect(all).toBeGreaterThan(0)
      }
      for (const few of [violated.nearBelow, violated.nearAbove]) {
        expect(few / (260 * near)).toBeLessThanOrEqual(0.01)
      }
      codes.close()
    },
  )

  it('are kept by a snapshot and told among the parameters', async () => {
    const path = join(temporaryFolder(), 'codes')
    const codes = await trained(scalar(), 'dot', base)
    await codes.save(path)
    const loaded = await loadCodes(path, { pool })
    expect(codes.parameters).toMatchObject({ boundConfidence: 0.99 })
    expect(loaded.parameters).toEqual(codes.parameters)
    const query = rowOf(queries, dimension, 0)
    const bounds = native.queryBounds(codes.scorer(), query, slots)
    expect(bounds).toBeDefined()
    expect(native.queryBounds(loaded.scorer(), query, slots)).toEqual(bounds)
  })

  it('do not depend on the number of threads', async () => {
    const one = new Pool(1)
    const codes = await trained(scalar(), 'euclidean', base)
    const alone = await scalar().train(world(3_000, 1), {
      dimension,
      metric: 'euclidean',
      pool: one,
    })
    expect(alone.parameters).toEqual(codes.parameters)
    one.close()
  })

  it('grow with a dot product query, as estimates do', async () => {
    const codes = await trained(scalar(), 'dot', base)
    const query = rowOf(queries, dimension, 1)
    const single = native.queryBounds(codes.scorer(), query, slots) ?? new Float32Array()
    const scaled = native.queryBounds(
      codes.scorer(),
      query.map((value) => value * 64),
      slots,
    )
    expect(scaled).toEqual(single.map((value) => value * 64))
  })

  it('are zero for exact codes and missing where the sample is too small', async () => {
    const exact = await trained(none(), 'dot', base)
    const query = rowOf(queries, dimension, 0)
    expect(native.queryBounds(exact.scorer(), query, slots)?.subarray(slots.length)).toEqual(
      new Float32Array(2 * slots.length),
    )
    const small = await scalar().train(world(50, 1), { dimension, metric: 'dot', pool })
    await small.encode(0, base)
    expect(native.queryBounds(small.scorer(), query, slots)).toBeUndefined()
    expect(small.parameters).not.toHaveProperty('boundConfidence')
  })

  it('leave codes of vectors that are all the same without surprises', async () => {
    const same = new Float32Array(400 * dimension).fill(0.5)
    for (const metric of metrics) {
      const codes = await scalar().train(same, { dimension, metric, pool })
      await codes.encode(0, same)
      const some = slotsOf(400)
      const both = native.queryBounds(codes.scorer(), rowOf(same, dimension, 0), some)
      for (const value of both ?? []) expect(Number.isFinite(value)).toBe(true)
      codes.close()
    }
  })
})
