// Codes left for later: what their scorer says before, while and after they are loaded, and whatever the file holds.
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { type Codes, loadCodes, none } from '../src/index.js'
import { native } from '../src/native.js'
import { encoded, everyKind, slotsOf } from './coding.js'
import { metricsOf, randomFloats, rowOf, temporaryFolder, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const later = (path: string) => loadCodes(path, { pool, laterFrom: 0 })

/** All that a scorer says of these slots. */
function said(codes: Codes, query: Float32Array, slots: Uint32Array) {
  const scorer = codes.scorer()
  const [first = 0] = slots
  return {
    distances: native.queryDistances(scorer, query, slots),
    fromSlot: native.queryDistances(scorer, first, slots),
    pairs: native.pairDistances(scorer, first, slots),
    bounds: native.queryBounds(scorer, query, slots),
    decoded: codes.decode(first),
  }
}

describe.each(everyKind)('%s left for later', (_, quantizer) => {
  it('are the same to a scorer before they are loaded, meanwhile and afterwards', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'codes')
    await fc.assert(
      fc.asyncProperty(
        vectorsArbitrary,
        metricsOf(quantizer()),
        fc.array(fc.nat(), { minLength: 1, maxLength: 150 }),
        async ({ vectors, dimension, n, seed }, metric, picks) => {
          const codes = await encoded(quantizer(), pool, vectors, dimension, metric)
          await codes.save(path)
          const query = randomFloats(dimension, seed + 1)
          const slots = Uint32Array.from(picks, (pick) => pick % n)
          const expected = said(codes, query, slots)
          const loaded = await later(path)
          expect([loaded.slots, loaded.bytes]).toEqual([codes.slots, codes.bytes])
          expect(loaded.loaded).toBeLessThan(n)
          expect(said(loaded, query, slots)).toEqual(expected)
          const loading = loaded.load?.()
          expect(said(loaded, query, slots)).toEqual(expected)
          await loading
          expect(loaded.loaded).toBe(n)
          expect(said(loaded, query, slots)).toEqual(expected)
          codes.close()
          loaded.close()
        },
      ),
      { numRuns: 12 },
    )
  })

  it('are loaded by whoever scans, encodes or saves', async () => {
    const folder = temporaryFolder()
    const [dimension, n] = [24, 90]
    const vectors = randomFloats(n * dimension, 5)
    const codes = await encoded(quantizer(), pool, vectors, dimension, 'euclidean')
    await codes.save(join(folder, 'codes'))
    const query = rowOf(vectors, dimension, 3)
    const expected = await codes.scan(query, { k: n })
    const scanned = await later(join(folder, 'codes'))
    expect(await scanned.scan(query, { k: n })).toEqual(expected)
    const saved = await later(join(folder, 'codes'))
    await saved.save(join(folder, 'again'))
    const bytes = readFileSync(join(folder, 'codes'))
    expect(readFileSync(join(folder, 'again')).equals(bytes)).toBe(true)
    const extended = await later(join(folder, 'codes'))
    await extended.encode(n, rowOf(vectors, dimension, 3))
    expect(extended.decode(n)).toEqual(extended.decode(3))
    expect(extended.loaded).toBe(n + 1)
    for (const each of [codes, scanned, saved, extended]) each.close()
  })

  it('are safe to use and never pass for loaded where their file is damaged or cut off', async () => {
    const path = join(temporaryFolder(), 'codes')
    const [dimension, n] = [20, 300]
    const vectors = randomFloats(n * dimension, 4)
    const codes = await encoded(quantizer(), pool, vectors, dimension, 'euclidean')
    await codes.save(path)
    codes.close()
    const intact = readFileSync(path)
    const query = rowOf(vectors, dimension, 0)
    const damages = fc.oneof(
      fc.record({ at: fc.nat({ max: intact.length - 1 }), bit: fc.nat({ max: 7 }) }),
      fc.record({ length: fc.nat({ max: intact.length - 1 }) }),
    )
    await fc.assert(
      fc.asyncProperty(damages, fc.boolean(), async (damage, afterOpening) => {
        const harm = () => {
          if ('length' in damage) return truncateSync(path, damage.length)
          const damaged = Buffer.from(intact)
          damaged[damage.at] = (damaged[damage.at] ?? 0) ^ (1 << damage.bit)
          // In place, where the file is open already.
          writeFileSync(path, damaged, { flag: 'r+' })
        }
        writeFileSync(path, intact)
        if (!afterOpening) harm()
        let loaded: Codes
        try {
          loaded = await later(path)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ANNULUS_CORRUPT' })
          return
        }
        if (afterOpening) harm()
        const { distances, pairs } = said(loaded, query, slotsOf(n))
        expect([...distances, ...pairs].every(Number.isFinite)).toBe(true)
        // What is not in the rows was read before.
        const isFelt = 'length' in damage || isInRows(intact, damage.at)
        const outcome = await Promise.resolve(loaded.load?.()).catch((error) => error.code)
        expect(outcome).toBe(isFelt ? 'ANNULUS_CORRUPT' : undefined)
        expect(loaded.loaded === n).toBe(!isFelt)
        loaded.close()
      }),
      { numRuns: 50 },
    )
  })
})

/** Whether a byte belongs to the section of the rows or its padding (annulus/snapshot_format.h). */
function isInRows(file: Buffer, at: number): boolean {
  for (let entry = 64; ; entry += 32) {
    if (file.readUInt32LE(entry) !== 3) continue
    const start = Number(file.readBigUInt64LE(entry + 8))
    const length = Number(file.readBigUInt64LE(entry + 16))
    return at >= start && at < start + Math.ceil(length / 4096) * 4096
  }
}

it('loads once for all who ask, and not after closing', async () => {
  const path = join(temporaryFolder(), 'codes')
  const codes = await encoded(none(), pool, randomFloats(4000 * 700, 1), 700, 'dot')
  await codes.save(path)
  codes.close()
  const loaded = await later(path)
  expect(loaded.load?.()).toBe(loaded.load?.())
  // Long since gone from its folder.
  rmSync(path)
  await loaded.load?.()
  loaded.close()
})

it('ends loading when the codes are closed, and keeps them for a scorer', async () => {
  const path = join(temporaryFolder(), 'codes')
  const codes = await encoded(none(), pool, randomFloats(4000 * 700, 1), 700, 'dot')
  const query = randomFloats(700, 2)
  const slots = Uint32Array.from({ length: 200 }, (_, i) => (i * 2_654_435_761) % 4000)
  const expected = native.queryDistances(codes.scorer(), query, slots)
  await codes.save(path)
  codes.close()
  const loaded = await later(path)
  const scorer = loaded.scorer()
  const waiting = [loaded.load?.(), loaded.scan(query, { k: 1 }), loaded.save(`${path}.copy`)]
  loaded.close()
  const outcomes = await Promise.allSettled(waiting)
  const [first, ...others] = outcomes.map((each) =>
    each.status === 'rejected' ? each.reason.code : 'loaded',
  )
  // It may have been loaded by then.
  expect(['ANNULUS_CLOSED', 'loaded']).toContain(first)
  expect(others).toEqual(['ANNULUS_CLOSED', 'ANNULUS_CLOSED'])
  expect(native.queryDistances(scorer, query, slots)).toEqual(expected)
})
