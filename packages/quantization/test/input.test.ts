import { Pool } from '@annulus/native'
import { afterAll, describe, expect, it } from 'vitest'
import { loadCodes, none, scalar } from '../src/index.js'
import { native } from '../src/native.js'
import { randomFloats } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const sample = randomFloats(40, 1)
const options = { dimension: 4, metric: 'euclidean', pool } as const

async function encoded() {
  const codes = await scalar().train(sample, options)
  await codes.encode(0, sample)
  return codes
}

describe('bad input is refused with a stable code', () => {
  it('by the quantizers', () => {
    expect(() => scalar({ quantile: 0.4 })).toThrow(/quantile/)
    expect(() => scalar({ quantile: Number.NaN })).toThrow(/quantile/)
    // @ts-expect-error: no such option
    expect(() => scalar({ quantil: 0.9 })).toThrow(
      expect.objectContaining({ code: 'ANNULUS_UNKNOWN_OPTION' }),
    )
  })

  it('by training', async () => {
    const bad = sample.slice()
    bad[9] = Number.NaN
    await expect(scalar().train(bad, options)).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_VECTOR',
      details: { vector: 2 },
    })
    const dimension = 'ANNULUS_DIMENSION'
    await expect(scalar().train(sample.subarray(1), options)).rejects.toMatchObject({
      code: dimension,
    })
    await expect(scalar().train(new Float32Array(0), options)).rejects.toMatchObject({
      code: dimension,
    })
    for (const dimension of [0, -1, 1.5, 65_536]) {
      await expect(scalar().train(sample, { ...options, dimension })).rejects.toMatchObject({
        code: 'ANNULUS_INVALID_ARGUMENT',
      })
    }
    await expect(
      // @ts-expect-error: no such metric
      scalar().train(sample, { ...options, metric: 'chebyshev' }),
    ).rejects.toMatchObject({ code: 'ANNULUS_INVALID_ARGUMENT' })
    await expect(
      // @ts-expect-error: no such option
      none().train(sample, { ...options, threads: 3 }),
    ).rejects.toMatchObject({ code: 'ANNULUS_UNKNOWN_OPTION' })
  })

  it('by encoding, which then changes nothing', async () => {
    const codes = await encoded()
    const before = codes.decode(3)
    const bad = sample.slice()
    bad[31] = Number.POSITIVE_INFINITY
    await expect(codes.encode(0, bad)).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_VECTOR',
      details: { slot: 7 },
    })
    await expect(codes.encode(10, bad)).rejects.toMatchObject({ code: 'ANNULUS_INVALID_VECTOR' })
    await expect(codes.encode(0, sample.subarray(1))).rejects.toMatchObject({
      code: 'ANNULUS_DIMENSION',
    })
    for (const firstSlot of [11, -1, 0.5]) {
      await expect(codes.encode(firstSlot, sample)).rejects.toMatchObject({
        code: 'ANNULUS_INVALID_ARGUMENT',
      })
    }
    expect(codes.slots).toBe(10)
    expect(codes.decode(3)).toEqual(before)
    // A refused call does not hold up the next.
    await codes.encode(10, sample)
    expect(codes.slots).toBe(20)
  })

  it('by reading and scanning', async () => {
    const codes = await encoded()
    expect(() => codes.decode(10)).toThrow(
      expect.objectContaining({ code: 'ANNULUS_OUT_OF_RANGE' }),
    )
    const query = sample.slice(0, 4)
    await expect(codes.scan(query.subarray(1), { k: 1 })).rejects.toMatchObject({
      code: 'ANNULUS_DIMENSION',
    })
    await expect(codes.scan(query, { k: 0 })).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_ARGUMENT',
    })
    await expect(codes.scan(query.fill(Number.NaN), { k: 1 })).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_VECTOR',
    })
    // @ts-expect-error: no such option
    await expect(codes.scan(query, { k: 1, limit: 3 })).rejects.toMatchObject({
      code: 'ANNULUS_UNKNOWN_OPTION',
    })
  })

  it('by whatever is closed, while its tables live on', async () => {
    const codes = await encoded()
    const scorer = codes.scorer()
    const slots = Uint32Array.of(0, 5)
    const query = sample.slice(0, 4)
    const before = native.queryDistances(scorer, query, slots)
    const running = codes.scan(query, { k: 3 })
    codes.close()
    codes.close()
    expect((await running).slots.length).toBe(3)
    const closed = { code: 'ANNULUS_CLOSED' }
    expect(() => codes.slots).toThrow(expect.objectContaining(closed))
    await expect(codes.encode(0, sample)).rejects.toMatchObject(closed)
    await expect(codes.scan(query, { k: 1 })).rejects.toMatchObject(closed)
    await expect(codes.save('unused')).rejects.toMatchObject(closed)
    expect(native.queryDistances(scorer, query, slots)).toEqual(before)
  })

  it('by handles of another kind', async () => {
    const codes = await encoded()
    // @ts-expect-error: a source is no scorer
    expect(() => native.pairDistances(codes.source(), 0, Uint32Array.of(0))).toThrow(TypeError)
    // @ts-expect-error: a scorer is no pool
    const notPool: Pool = { handle: codes.scorer(), threads: 1 }
    await expect(loadCodes('unused', { pool: notPool })).rejects.toThrow(TypeError)
  })
})

it('training reports progress up to the end', async () => {
  const seen: [number, number][] = []
  const large = randomFloats(4000 * 16, 3)
  await scalar().train(large, {
    dimension: 16,
    metric: 'dot',
    pool,
    onProgress: (done, total) => seen.push([done, total]),
  })
  const last = seen.at(-1)
  expect(last?.[0]).toBe(last?.[1])
  expect(last?.[1]).toBeGreaterThan(1)
})
