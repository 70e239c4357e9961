// What every kind of code must make of vectors that are out of the ordinary.
import { type Metric, metrics, Pool } from '@annulus/native'
import { afterAll, describe, expect, it } from 'vitest'
import { binary, none, product, type Quantizer, rotated, scalar } from '../src/index.js'
import { encoded, slotsOf } from './coding.js'
import { randomFloats, rowOf } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const quantizers: readonly (readonly [string, () => Quantizer])[] = [
  ['none', () => none()],
  ['scalar', () => scalar()],
  ['scalar at 0.99', () => scalar({ quantile: 0.99 })],
  ['product at 4', () => product({ compression: 4 })],
  ['product at 64', () => product({ compression: 64 })],
  ['binary', () => binary()],
  ['rotated, 1 bit', () => rotated({ bits: 1 })],
  ['rotated, 2 bits', () => rotated({ bits: 2 })],
  ['rotated, 4 bits', () => rotated({ bits: 4 })],
  ['rotated, 8 bits', () => rotated({ bits: 8 })],
]

const cases = quantizers.flatMap(([name, quantizer]) =>
  (quantizer().metrics ?? metrics).map((metric) => [name, metric, quantizer] as const),
)

const codesOf = (
  quantizer: Quantizer,
  vectors: Float32Array,
  dimension: number,
  metric: Metric,
  threads: Pool = pool,
) => encoded(quantizer, threads, vectors, dimension, metric)

describe.each(cases)('%s codes, %s', (_, metric, quantizer) => {
  it('rank constant vectors by slot', async () => {
    for (const value of [-7.25, 1e-20, 0, 0.125, 3e8]) {
      const vectors = new Float32Array(10 * 8).fill(value)
      const codes = await codesOf(quantizer(), vectors, 8, metric)
      const { slots, distances } = await codes.scan(rowOf(vectors, 8, 0), { k: 10 })
      expect(slots).toEqual(slotsOf(10))
      expect(new Set(distances).size).toBe(1)
      expect(distances[0]).not.toBeNaN()
    }
  })

  it('let one-hot vectors find themselves', async () => {
    const dimension = 200
    const vectors = new Float32Array(dimension * dimension)
    for (let i = 0; i < dimension; i++) vectors[i * dimension + i] = 1
    const codes = await codesOf(quantizer(), vectors, dimension, metric)
    for (const slot of [0, 57, 199]) {
      const { slots } = await codes.scan(rowOf(vectors, dimension, slot), { k: 1 })
      expect(slots[0]).toBe(slot)
    }
  })

  it('give duplicates in the order of their slots', async () => {
    const dimension = 48
    const one = randomFloats(dimension, 2)
    const vectors = new Float32Array(500 * dimension)
    vectors.set(randomFloats(500 * dimension, 4))
    for (const slot of [490, 13, 250, 251]) vectors.set(one, slot * dimension)
    const codes = await codesOf(quantizer(), vectors, dimension, metric)
    const { slots } = await codes.scan(one, { k: 500 })
    const order = Array.from(slots).filter((slot) => [13, 250, 251, 490].includes(slot))
    expect(order).toEqual([13, 250, 251, 490])
    if (metric !== 'dot') expect(Array.from(slots.subarray(0, 4))).toEqual(order)
  })

  it('serve one vector, and one component', async () => {
    const single = await codesOf(quantizer(), Float32Array.of(3, -1, 2), 3, metric)
    expect((await single.scan(Float32Array.of(1, 1, 1), { k: 5 })).slots).toEqual(slotsOf(1))
    const flat = await codesOf(quantizer(), Float32Array.of(-2, 0, 5), 1, metric)
    const { slots, distances } = await flat.scan(Float32Array.of(4), { k: 3 })
    expect(slots.length).toBe(3)
    expect(Array.from(distances).some(Number.isNaN)).toBe(false)
  })

  it('keep distances in order for huge norms', async () => {
    const dimension = 16
    const vectors = randomFloats(50 * dimension, 8, 3e38)
    const codes = await codesOf(quantizer(), vectors, dimension, metric)
    const { distances } = await codes.scan(rowOf(vectors, dimension, 7), { k: 50 })
    for (let rank = 0; rank < 50; rank++) expect(distances[rank]).not.toBeNaN()
    expect(Array.from(distances)).toEqual(Array.from(distances).sort((a, b) => a - b))
  })

  it('are the same with any number of threads', async () => {
    const dimension = 64
    const vectors = randomFloats(3000 * dimension, 17)
    const query = randomFloats(dimension, 18)
    const seen = []
    for (const threads of [1, 5]) {
      const own = new Pool(threads)
      const codes = await codesOf(quantizer(), vectors, dimension, metric, own)
      const decoded = [0, 97, 1500, 2999].map((slot) => codes.decode(slot))
      seen.push([codes.parameters, decoded, await codes.scan(query, { k: 100 })])
      codes.close()
      own.close()
    }
    expect(seen[1]).toEqual(seen[0])
  })

  if (metric === 'cosine') {
    it('do not mind huge and tiny norms side by side', async () => {
      const dimension = 96
      const directions = randomFloats(50 * dimension, 21)
      const vectors = directions.map(
        (value, i) => value * 10 ** ((Math.floor(i / dimension) % 5) * 8 - 16),
      )
      const codes = await codesOf(quantizer(), vectors, dimension, metric)
      for (let slot = 0; slot < 50; slot++) {
        const { slots } = await codes.scan(rowOf(vectors, dimension, slot), { k: 1 })
        expect(slots[0]).toBe(slot)
      }
    })
  }
})
