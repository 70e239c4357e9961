import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AnnulusError, Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type Codes, loadCodes, none } from '../src/index.js'
import { everyKind } from './coding.js'
import { metricsOf, randomFloats, temporaryFolder, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

async function expectSame(a: Codes, b: Codes, seed: number): Promise<void> {
  expect([b.kind, b.metric, b.dimension, b.slots, b.bytesPerVector, b.parameters]).toEqual([
    a.kind,
    a.metric,
    a.dimension,
    a.slots,
    a.bytesPerVector,
    a.parameters,
  ])
  for (let slot = 0; slot < a.slots; slot++) expect(b.decode(slot)).toEqual(a.decode(slot))
  const query = randomFloats(a.dimension, seed)
  const k = Math.max(1, a.slots)
  expect(await b.scan(query, { k })).toEqual(await a.scan(query, { k }))
}

describe.each(everyKind)('snapshot of %s', (_, quantizer) => {
  it('loads what was saved, bit for bit, and goes on as if nothing had happened', async () => {
    const folder = temporaryFolder()
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricsOf(quantizer()),
        fc.boolean(),
        async ({ vectors, dimension, n, seed }, metric, empty) => {
          const first = join(folder, 'first')
          const second = join(folder, 'second')
          const codes = await quantizer().train(vectors, { dimension, metric, pool })
          if (!empty) await codes.encode(0, vectors)
          await codes.save(first)
          const loaded = await loadCodes(first, { pool })
          await expectSame(codes, loaded, seed)
          await loaded.save(second)
          expect(readFileSync(second).equals(readFileSync(first))).toBe(true)
          // Appended to both, the same codebook gives the same codes.
          await codes.encode(empty ? 0 : n, vectors)
          await loaded.encode(empty ? 0 : n, vectors)
          await expectSame(codes, loaded, seed + 1)
          codes.close()
          loaded.close()
        },
      ),
      { numRuns: 25 },
    )
  })

  it('refuses every flipped bit and every truncation', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'codes')
    const dimension = 20
    const vectors = randomFloats(300 * dimension, 4)
    const codes = await quantizer().train(vectors, { dimension, metric: 'euclidean', pool })
    await codes.encode(0, vectors)
    await codes.save(path)
    const intact = readFileSync(path)
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.nat({ max: 200 }),
          fc.nat({ max: intact.length - 1 }),
          fc.constant(intact.length - 1),
        ),
        fc.nat({ max: 7 }),
        async (at, bit) => {
          const damaged = Buffer.from(intact)
          damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
          writeFileSync(path, damaged)
          await expect(loadCodes(path, { pool })).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT' })
        },
      ),
      { numRuns: 200 },
    )
    for (const length of [0, 1, 100, 4095, 4096, 8192, intact.length - 4096, intact.length - 1]) {
      writeFileSync(path, intact)
      truncateSync(path, length)
      await expect(loadCodes(path, { pool })).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT' })
    }
    writeFileSync(path, Buffer.concat([intact, Buffer.alloc(4096)]))
    await expect(loadCodes(path, { pool })).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT' })
  })

  it('keeps the old file when saving is aborted', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'codes')
    const codes = await quantizer().train(new Float32Array(8), {
      dimension: 8,
      metric: 'dot',
      pool,
    })
    await codes.save(path)
    const before = readFileSync(path)
    await codes.encode(0, randomFloats(8000, 3))
    await expect(codes.save(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ANNULUS_ABORTED',
    })
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(folder)).toEqual(['codes'])
  })
})

it('loads codes of several chunks of memory, which end within what is read at once', async () => {
  const dimension = 300
  const count = 40_000
  const path = join(temporaryFolder(), 'codes')
  const codes = await none().train(new Float32Array(dimension), {
    dimension,
    metric: 'euclidean',
    pool,
  })
  const vectors = Float32Array.from({ length: count * dimension }, (_, i) => (i * 7919) % 10_007)
  await codes.encode(0, vectors)
  await codes.save(path)
  codes.close()
  const loaded = await loadCodes(path, { pool })
  const wrong: number[] = []
  for (let slot = 0; slot < count; slot++) {
    const kept = Buffer.from(loaded.decode(slot).buffer)
    const start = slot * dimension * 4
    if (!kept.equals(Buffer.from(vectors.buffer, start, dimension * 4))) wrong.push(slot)
  }
  expect(wrong).toEqual([])
  loaded.close()
})

it('tells a missing file and an unwritable folder from damage', async () => {
  const folder = temporaryFolder()
  const missing = join(folder, 'missing')
  await expect(loadCodes(missing, { pool })).rejects.toMatchObject({ code: 'ANNULUS_NOT_FOUND' })
  const codes = await none().train(new Float32Array(0), { dimension: 3, metric: 'dot', pool })
  const nowhere = codes.save(join(folder, 'no', 'such', 'folder'))
  await expect(nowhere).rejects.toBeInstanceOf(AnnulusError)
  expect(existsSync(join(folder, 'no'))).toBe(false)
})
