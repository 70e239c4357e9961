import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Metric, metrics } from '@annulus/native'
import { preadStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MmapStorage, mmapStorage } from '../src/index.js'
import { inDirectory, randomFloats, randomSlots } from './vectors.js'

/** The ranking distance in float64. */
function reference(metric: Metric, query: Float32Array, vector: Float32Array): number {
  const sum = (term: (a: number, b: number) => number) =>
    query.reduce((total, a, i) => total + term(a, vector[i] as number), 0)
  if (metric === 'manhattan') return sum((a, b) => Math.abs(a - b))
  if (metric === 'euclidean') return sum((a, b) => (a - b) ** 2)
  const dot = sum((a, b) => a * b)
  if (metric === 'dot') return -dot
  return -dot / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b))
}

describe('mmapStorage', () => {
  it('opens as MmapStorage, and counts', () =>
    inDirectory(async (path) => {
      const factory = mmapStorage()
      expect(factory.name).toBe('mmap')
      const storage = await factory.open({ path, dimension: 4 })
      expect(storage).toBeInstanceOf(MmapStorage)
      await storage.write(0, Float32Array.of(1, 0, 0, 0, 0, 2, 0, 0))
      const scores = await storage.score(
        Float32Array.of(0, 1, 0, 0),
        Uint32Array.of(1, 0, 1),
        'dot',
      )
      expect([...scores]).toEqual([-2, -0, -2])
      expect([...(await storage.read(Uint32Array.of(1)))]).toEqual([0, 2, 0, 0])
      expect(storage.stats()).toEqual({
        backend: 'mmap',
        reads: 4,
        readBytes: 64,
        vectors: 4,
        inFlight: 0,
        residentHits: expect.any(Number),
        errors: 0,
        writtenBytes: 32,
        writeCpuMs: expect.any(Number),
      })
      await storage.close()
      expect(() => storage.reader?.()).toThrow(expect.objectContaining({ code: 'ANNULUS_CLOSED' }))
    }))

  it.each([
    [{ thread: 1 }, 'ANNULUS_UNKNOWN_OPTION', 'thread'],
    [{ threads: 0 }, 'ANNULUS_INVALID_ARGUMENT', 'threads'],
    [{ threads: 1.5 }, 'ANNULUS_INVALID_ARGUMENT', 'threads'],
    [{ prefetch: 'yes' }, 'ANNULUS_INVALID_ARGUMENT', 'prefetch'],
  ])('rejects the options %j', (options, code, word) => {
    const make = () => mmapStorage(options as never)
    expect(make).toThrow(expect.objectContaining({ code, message: expect.stringContaining(word) }))
  })

  it('scores as float64 does, over many segments, beside the growth of the storage', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.constantFrom(...metrics),
        fc.boolean(),
        fc.nat(),
        (dimension, metric, prefetch, seed) =>
          inDirectory(async (path) => {
            // One page of vectors a segment.
            const segmentBytesMax = 8192
            const factory = mmapStorage({ segmentBytesMax, prefetch, threads: 3 })
            const storage = await factory.open({ path, dimension })
            const perWrite = Math.ceil(4096 / (dimension * 4)) + 1
            const query = randomFloats(dimension, seed)
            for (let round = 0; round < 6; round++) {
              const vectors = randomFloats(perWrite * dimension, seed + round)
              const slots = randomSlots(storage.slots && 30, storage.slots, seed + round)
              const [scores, stored] = await Promise.all([
                storage.score(query, slots, metric),
                storage.read(slots),
                storage.write(storage.slots, vectors),
              ])
              scores.forEach((score, i) => {
                const vector = stored.subarray(i * dimension, (i + 1) * dimension)
                const expected = reference(metric, query, vector)
                expect(Math.abs(score - expected)).toBeLessThan(1e-4 * (1 + Math.abs(expected)))
              })
            }
            await storage.close()
          }),
      ),
      { numRuns: 15 },
    ))

  it('reads what another backend wrote', () =>
    inDirectory(async (path) => {
      const vectors = randomFloats(700, 1)
      const writer = await preadStorage().open({ path, dimension: 7 })
      await writer.write(0, vectors)
      await writer.close()
      const storage = await mmapStorage().open({ path, dimension: 7, slots: 100 })
      const all = Uint32Array.from({ length: 100 }, (_, slot) => slot)
      expect(await storage.read(all)).toEqual(vectors)
      await storage.close()
    }))

  it('names slot and file of a damaged vector, and serves the others', () =>
    inDirectory(async (path) => {
      const storage = await mmapStorage({ segmentBytesMax: 8192 }).open({ path, dimension: 128 })
      await storage.write(0, randomFloats(128 * 20, 1)) // eight vectors a segment
      const file = join(path, 'vectors-000001.seg')
      const handle = await open(file, 'r+')
      await handle.write(Uint8Array.of(0x55), 0, 1, 4096 + 3 * 512 + 17)
      await handle.close()
      const damaged = expect.objectContaining({
        code: 'ANNULUS_CORRUPT',
        details: { slot: 11, path: file },
        message: expect.stringContaining(file),
      })
      const query = randomFloats(128, 2)
      await expect(storage.score(query, Uint32Array.of(3, 11, 4), 'dot')).rejects.toEqual(damaged)
      await expect(storage.read(Uint32Array.of(11))).rejects.toEqual(damaged)
      await expect(storage.read(Uint32Array.of(10, 12))).resolves.toHaveLength(256)
      expect(storage.stats()).toMatchObject({ errors: 2, inFlight: 0 })
      await storage.close()
    }))
})
