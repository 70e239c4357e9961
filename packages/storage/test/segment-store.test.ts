import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { segmentBytesFor } from '../src/conformance/site.js'
import { firstSlots, vectorsOf } from '../src/conformance/vectors.js'
import { nodeFileOps } from '../src/node-file-ops.js'
import { preadStorage } from '../src/pread.js'
import { openSegmentStore } from '../src/segment-store.js'
import type { Segment } from '../src/segments.js'
import { changingFiles } from './changing-files.js'
import { VolatileFiles } from './volatile-files.js'

const dimension = 128
const segmentBytesMax = segmentBytesFor(dimension, 8)
let directory: string
let path: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'annulus-storage-'))
  path = join(directory, 'vectors')
})
afterEach(() => rm(directory, { recursive: true, force: true }))

describe('a segment store', () => {
  it('announces segments before slots, and slots after they are written', async () => {
    const events: string[] = []
    const store = await openSegmentStore({
      path,
      dimension,
      segmentBytesMax,
      onSegment: async ({ number, checksums }) => {
        await new Promise((resolve) => setImmediate(resolve))
        events.push(`segment ${number} with ${checksums.filter((sum) => sum !== 0).length}`)
      },
      onSlots: (slots) => events.push(`slots ${slots}`),
    })
    await store.write(0, vectorsOf(3, dimension))
    await store.write(3, vectorsOf(10, dimension))
    await store.close()
    expect(events).toEqual(['segment 0 with 0', 'slots 3', 'segment 1 with 0', 'slots 13'])
  })

  it('announces what it finds at open, checksums included', async () => {
    const first = await openSegmentStore({ path, dimension, segmentBytesMax })
    await first.write(0, vectorsOf(13, dimension))
    await first.close()
    const found: Segment[] = []
    const onSegment = (segment: Segment) => {
      found.push(segment)
    }
    const second = await openSegmentStore({ path, dimension, onSegment })
    expect(found.map(({ checksums }) => checksums.findLastIndex((sum) => sum !== 0))).toEqual([
      7, 4,
    ])
    expect(second.segments).toEqual(found)
    await second.close()
  })

  it('writes scattered slots as one operation a file, checksums across small gaps', async () => {
    const calls: (readonly [string, ...number[]])[] = []
    const files = changingFiles(nodeFileOps, (file) => ({
      writeScattered: async (memory, parts) => {
        calls.push([file.path.slice(-3), ...parts])
        return (await file.writeScattered?.(memory, parts)) ?? 0
      },
    }))
    const store = await openSegmentStore({ path, dimension: 1, files })
    await store.write(0, vectorsOf(5_000, 1))
    calls.length = 0
    const slots = Uint32Array.of(1, 2, 7, 1_031, 1_032, 2_058, 5_000)
    const fresh = vectorsOf(slots.length, 1, 3)
    await store.write(slots, fresh)
    const [vectorParts, sumParts] = calls
    const at = (slot: number) => 4096 + slot * 4
    expect(vectorParts).toEqual(
      [
        'seg',
        [0, 8, at(1)],
        [8, 4, at(7)],
        [12, 8, at(1_031)],
        [20, 4, at(2_058)],
        [24, 4, at(5_000)],
      ].flat(),
    )
    // 1,023 lie between 7 and 1,031, and 1,025 between 1,032 and 2,058.
    expect(sumParts).toEqual(
      ['crc', [4, 1_032 * 4, at(1)], [2_058 * 4, 4, at(2_058)], [20_000, 4, at(5_000)]].flat(),
    )
    expect(calls.length).toBe(2)
    expect(store.writeCpuMs).toBeGreaterThan(0)
    await store.close()
    // Every checksum is in the file, those between included.
    const storage = await preadStorage().open({ path, dimension: 1 })
    const wanted = vectorsOf(5_001, 1)
    for (const [i, slot] of slots.entries()) wanted[slot] = fresh[i] ?? 0
    expect(await storage.read(firstSlots(5_001))).toEqual(wanted)
    await storage.close()
  })

  it('creates files at their full size, sparse', async () => {
    const store = await openSegmentStore({ path, dimension: 768 })
    await store.write(0, vectorsOf(1, 768))
    await store.flush()
    const file = await stat(join(path, 'vectors-000000.seg'))
    expect(file.size).toBe(store.layout.segmentBytes)
    expect(file.blocks * 512).toBeLessThan(64 * 1024)
    expect(file.mode & 0o077).toBe(0)
    await store.close()
  })

  it('keeps the checksums of a segment where they are', async () => {
    const store = await openSegmentStore({ path, dimension, segmentBytesMax })
    await store.write(0, vectorsOf(1, dimension))
    const memory = store.segments[0]?.checksums
    await store.write(1, vectorsOf(20, dimension))
    await store.write(0, vectorsOf(2, dimension, 9))
    expect(store.segments[0]?.checksums).toBe(memory)
    await store.close()
  })

  it('does nothing but count for a flush with nothing to flush', async () => {
    const files = new VolatileFiles()
    const store = await openSegmentStore({ path: '/v', dimension, segmentBytesMax, files })
    await store.write(0, vectorsOf(4, dimension))
    await store.flush()
    const before = files.operations
    await store.flush()
    expect(files.operations).toBe(before)
    await store.close()
  })

  it('shares one flush between those who wait for the same writes', async () => {
    const files = new VolatileFiles()
    const store = await openSegmentStore({ path: '/v', dimension, segmentBytesMax, files })
    const writing = store.write(0, vectorsOf(4, dimension))
    const [first, second] = [store.flush(), store.flush()]
    expect(second).toBe(first)
    const later = store.write(4, vectorsOf(1, dimension))
    expect(store.flush()).not.toBe(first)
    await Promise.all([writing, first, later])
    await store.close()
  })

  it('fails to write when a reader cannot take the segment', async () => {
    const onSegment = () => {
      throw new Error('no room to map')
    }
    const store = await openSegmentStore({ path, dimension, onSegment })
    await expect(store.write(0, vectorsOf(1, dimension))).rejects.toThrow('no room to map')
    expect(store.slots).toBe(0)
    await store.close()
  })
})

describe('the failure latch', () => {
  it('refuses writes and flushes after a failure, reads on, and ends with a reopen', async () => {
    const healthy = await preadStorage({ segmentBytesMax }).open({ path, dimension })
    await healthy.write(0, vectorsOf(6, dimension))
    await healthy.flush()
    await healthy.close()
    let full = false
    const files = changingFiles(nodeFileOps, (file) => ({
      write: (bytes, position) =>
        full ? Promise.reject(new Error('full')) : file.write(bytes, position),
    }))
    const storage = await preadStorage({ files }).open({ path, dimension, slots: 6 })
    full = true
    await expect(storage.write(6, vectorsOf(1, dimension))).rejects.toThrow('full')
    full = false
    const latched = { code: 'ANNULUS_LATCHED', cause: { message: expect.stringMatching('full') } }
    await expect(storage.write(6, vectorsOf(1, dimension))).rejects.toMatchObject(latched)
    await expect(storage.flush()).rejects.toMatchObject(latched)
    expect(await storage.read(firstSlots(6))).toEqual(vectorsOf(6, dimension))
    expect(storage.slots).toBe(6)
    await storage.close()
    const reopened = await preadStorage().open({ path, dimension, slots: 6 })
    await reopened.write(6, vectorsOf(1, dimension))
    await reopened.flush()
    await reopened.close()
  })
})

describe('opening', () => {
  it('refuses a path that is a file', async () => {
    await writeFile(path, 'not a directory')
    for (const wrong of [path, join(path, 'below')]) {
      await expect(openSegmentStore({ path: wrong, dimension })).rejects.toMatchObject({
        code: 'ANNULUS_INVALID_ARGUMENT',
      })
    }
  })

  it.skipIf(process.getuid?.() === 0)('says when permission is missing (not as root)', async () => {
    await nodeFileOps.makeDirectory(path)
    const { chmod } = await import('node:fs/promises')
    await chmod(path, 0o500)
    await expect(openSegmentStore({ path, dimension })).rejects.toMatchObject({
      code: 'ANNULUS_PERMISSION',
    })
    await chmod(path, 0o700)
  })

  it.each([0, 1, 4096, 2 ** 30 + 1, 1.5, Number.NaN])(
    'refuses segments of at most %d bytes',
    async (bytes) => {
      const opening = openSegmentStore({ path, dimension, segmentBytesMax: bytes })
      await expect(opening).rejects.toMatchObject({ code: 'ANNULUS_INVALID_ARGUMENT' })
      await expect(stat(path)).rejects.toThrow('ENOENT')
    },
  )

  it('creates missing parents', async () => {
    const store = await openSegmentStore({ path: join(path, 'a', 'b'), dimension })
    await store.close()
    expect((await stat(join(path, 'a'))).mode & 0o077).toBe(0)
  })
})
