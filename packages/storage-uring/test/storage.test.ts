// What is particular to this backend: the same bits however it reads, and honest failure.
import { open, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { distances, type Metric, metrics } from '@annulus/native'
import { preadStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type UringStorageOptions, uringStorage } from '../src/index.js'
import { bitsOf, denied, gather, inDirectory, randomFloats, randomSlots } from './site.js'

const firstSegment = (path: string) => join(path, 'vectors-000000.seg')

interface Way {
  readonly name: string
  readonly options: UringStorageOptions
  readonly deny?: string
}

const ways: readonly Way[] = [
  { name: 'the default', options: {} },
  { name: 'buffered', options: { direct: false } },
  { name: 'one read deep', options: { queueDepth: 1 } },
  {
    name: 'the plainest ring',
    options: {
      tuning: {
        taskrun: false,
        registeredFiles: false,
        registeredBuffers: false,
        joinReads: false,
        mergeGap: 0,
      },
    },
  },
  {
    name: 'every refinement',
    options: {
      tuning: { registeredFiles: true, registeredBuffers: true, mergeGap: 65_536 },
    },
  },
  { name: 'no ring', options: { fallbackThreads: 3 }, deny: 'EPERM' },
]

describe('every way of reading', () => {
  it('gives the bits that were written, and the distances of the kernels', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          dimension: fc.integer({ min: 1, max: 900 }),
          vectors: fc.integer({ min: 1, max: 120 }),
          asked: fc.integer({ min: 1, max: 300 }),
          perSegment: fc.integer({ min: 1, max: 50 }),
          seed: fc.nat(),
          metric: fc.constantFrom<Metric>(...metrics),
        }),
        ({ dimension, vectors: count, asked, perSegment, seed, metric }) =>
          inDirectory(async (path) => {
            const vectors = randomFloats(count * dimension, seed)
            const query = randomFloats(dimension, seed + 1)
            const slots = randomSlots(asked, count, seed + 2)
            const segmentBytesMax = 8192 + perSegment * dimension * 4
            const writer = await preadStorage({ segmentBytesMax }).open({ path, dimension })
            await writer.write(0, vectors)
            await writer.close()
            const wanted = gather(vectors, slots, dimension)
            const scores = await distances(query, wanted, metric)
            for (const { name, options, deny } of ways) {
              const storage = await denied(deny, () =>
                uringStorage(options).open({ path, dimension }),
              )
              const both = [storage.read(slots), storage.score(query, slots, metric)] as const
              const [read, scored] = await Promise.all(both)
              await storage.close()
              expect(bitsOf(read).equals(bitsOf(wanted)), `read, ${name}`).toBe(true)
              expect(bitsOf(scored).equals(bitsOf(scores)), `score, ${name}`).toBe(true)
            }
          }),
      ),
      { numRuns: 15 },
    ))

  it('sees what was written as soon as the write resolves, through the page cache and past it', () =>
    inDirectory(async (path) => {
      for (const direct of [true, false]) {
        const storage = await uringStorage({ direct }).open({ path, dimension: 200 })
        for (let round = 0; round < 200; round++) {
          const vectors = randomFloats(200 * 3, round + (direct ? 0 : 1000))
          await storage.write(storage.slots, vectors)
          const end = storage.slots
          const read = await storage.read(Uint32Array.of(end - 3, end - 2, end - 1))
          expect(bitsOf(read).equals(bitsOf(vectors))).toBe(true)
        }
        await storage.close()
      }
    }))

  it('gives the old vector or the new one while a slot is written again, and then the new one', () =>
    inDirectory(async (path) => {
      const storage = await uringStorage().open({ path, dimension: 768 })
      await storage.write(0, randomFloats(768 * 10, 1))
      const versions = [randomFloats(768, 2), randomFloats(768, 3)].map(bitsOf)
      let current = 0
      await storage.write(4, randomFloats(768, 2))
      let writing = true
      const reader = async () => {
        while (writing) {
          const read = bitsOf(await storage.read(Uint32Array.of(4)))
          expect(versions.some((version) => version.equals(read))).toBe(true)
        }
      }
      const readers = Array.from({ length: 8 }, reader)
      for (let round = 0; round < 100; round++) {
        current = 1 - current
        await storage.write(4, randomFloats(768, 2 + current))
        const read = bitsOf(await storage.read(Uint32Array.of(4)))
        expect(versions[current]?.equals(read)).toBe(true)
      }
      writing = false
      await Promise.all(readers)
      expect(storage.stats().errors).toBe(0)
      await storage.close()
    }))
})

describe('damage', () => {
  it.each([[true], [false]])('in one byte fails only who asked for it (direct: %s)', (direct) =>
    inDirectory(async (path) => {
      const options = { direct, tuning: { mergeGap: 65_536 } }
      const storage = await uringStorage(options).open({ path, dimension: 768 })
      await storage.write(0, randomFloats(768 * 20, 1))
      const file = await open(firstSegment(path), 'r+')
      await file.write(Uint8Array.of(255), 0, 1, 4096 + 7 * 3072 + 1000)
      await file.close()
      const failed = { code: 'ANNULUS_CORRUPT', details: { slot: 7, path: firstSegment(path) } }
      const query = randomFloats(768, 2)
      const [good, ...bad] = await Promise.allSettled([
        storage.read(Uint32Array.of(5, 6, 8, 9)),
        storage.read(Uint32Array.of(5, 6, 7, 8)),
        storage.score(query, Uint32Array.of(7), 'dot'),
      ])
      expect(good.status).toBe('fulfilled')
      for (const outcome of bad) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: failed })
      }
      expect(storage.stats().errors).toBe(2)
      await storage.close()
    }),
  )

  it('by truncation is an I/O error with slot and file, and the rest is still read', () =>
    inDirectory(async (path) => {
      const storage = await uringStorage().open({ path, dimension: 768 })
      await storage.write(0, randomFloats(768 * 20, 1))
      await storage.flush()
      await truncate(firstSegment(path), 4096 + 10 * 3072 + 512)
      await expect(storage.read(Uint32Array.of(10))).rejects.toMatchObject({
        code: 'ANNULUS_IO',
        details: { slot: 10, path: firstSegment(path) },
      })
      await expect(storage.read(Uint32Array.of(19))).rejects.toMatchObject({ code: 'ANNULUS_IO' })
      expect(await storage.read(Uint32Array.of(9))).toHaveLength(768)
      await storage.close()
      expect((await stat(firstSegment(path))).size).toBe(4096 + 10 * 3072 + 512)
    }))
})

describe('few reads', () => {
  it('merges neighbours and joins what is asked for twice', () =>
    inDirectory(async (path) => {
      const storage = await uringStorage({ direct: true }).open({ path, dimension: 768 })
      await storage.write(0, randomFloats(768 * 100, 1))
      await storage.read(Uint32Array.of(12, 10, 11, 10))
      expect(storage.stats()).toMatchObject({ reads: 1, readBytes: 3 * 3072, vectors: 4 })
      await storage.read(Uint32Array.of(50))
      expect(storage.stats()).toMatchObject({ reads: 2, readBytes: 4 * 3072 })
      const query = randomFloats(768, 2)
      const same = Uint32Array.of(3, 30, 60, 90)
      await Promise.all(Array.from({ length: 50 }, () => storage.score(query, same, 'cosine')))
      expect(storage.stats().reads).toBeLessThan(2 + 50 * 4)
      expect(storage.stats()).toMatchObject({ vectors: 5 + 50 * 4, inFlight: 0 })
      await storage.close()
    }))
})
