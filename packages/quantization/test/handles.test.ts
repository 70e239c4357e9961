// Handles of codes give their memory back when they are released, not when they are collected.
import { AnnulusError, Pool, pipelineSearch, releaseHandle } from '@annulus/native'
import { afterAll, describe, expect, it } from 'vitest'
import { none } from '../src/index.js'
import { randomFloats } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const dimension = 1024
const options = { metric: 'dot', limit: 3, candidates: 3, ef: 3 } as const
const query = randomFloats(dimension, 7)

/** Codes of this many vectors, 4 KiB each. */
async function codesOf(count: number) {
  const vectors = randomFloats(16 * dimension, 3)
  const codes = await none().train(vectors, { dimension, metric: 'dot', pool })
  while (codes.slots < count) await codes.encode(codes.slots, vectors)
  return codes
}

describe('handles of codes', () => {
  it('keep the memory of closed codes until they are released', async () => {
    const codes = await codesOf(16_384)
    const { bytes } = codes
    expect(bytes).toBeGreaterThanOrEqual(64 << 20)
    const source = codes.source()
    const scorer = codes.scorer()
    codes.close()
    releaseHandle(scorer)
    // Still usable: the source holds the codes by itself.
    const found = await pipelineSearch(pool, [{ source }], undefined, query, options)
    expect(found.slots.length).toBe(3)
    const before = process.memoryUsage.rss()
    releaseHandle(source)
    expect(before - process.memoryUsage.rss()).toBeGreaterThan(bytes / 2)
  })

  it('let a search in flight end', async () => {
    const codes = await codesOf(256)
    const expected = await codes.scan(query, { k: 3 })
    const source = codes.source()
    const running = Array.from({ length: 8 }, () =>
      pipelineSearch(pool, [{ source }], undefined, query, options),
    )
    codes.close()
    releaseHandle(source)
    for (const found of await Promise.all(running)) expect(found.slots).toEqual(expected.slots)
  })

  it('fail with a typed error once released, and are released once', async () => {
    const codes = await codesOf(16)
    const source = codes.source()
    releaseHandle(source)
    releaseHandle(source)
    const again = pipelineSearch(pool, [{ source }], undefined, query, options)
    await expect(again).rejects.toThrow(AnnulusError)
    await expect(again).rejects.toMatchObject({ code: 'ANNULUS_CLOSED' })
    // Another handle of the same codes is another reference.
    const other = codes.source()
    await pipelineSearch(pool, [{ source: other }], undefined, query, options)
    codes.close()
  })

  it('are the only values that can be released', () => {
    for (const value of [undefined, {}, 1, pool.handle]) {
      // @ts-expect-error no handle of a source, a scorer or a reader
      expect(() => releaseHandle(value)).toThrow(TypeError)
    }
  })
})
