// Vectors in the page cache are scored without the ring: same answers, same care for damage.
import { mkdtemp, open as openFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  isUringSupported,
  mmapStorage,
  open,
  type StorageFactory,
  uringStorage,
} from '../src/index.js'

const dimension = 96
const count = 6_000
const supported = isUringSupported().supported

/** Reproducible numbers in [-1, 1): a linear congruential generator. */
function vectorOf(seed: number): Float32Array {
  let state = (seed + 1) * 2_654_435_761
  return Float32Array.from({ length: dimension }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  })
}

const queries = Array.from({ length: 50 }, (_, index) => vectorOf(1_000_000 + index))

describe.skipIf(!supported)(
  'vectors in the page cache (skipped where there is no io_uring)',
  () => {
    let path: string
    beforeAll(async () => {
      path = await mkdtemp(join(tmpdir(), 'annulus-resident-'))
      await using database = await open(path, { storage: mmapStorage() })
      const collection = await database.collection('c', { dimension })
      await collection.upsert(
        Array.from({ length: count }, (_, id) => ({ id, vector: vectorOf(id) })),
      )
      await collection.waitForIndex()
    }, 60_000)
    afterAll(() => rm(path, { recursive: true, force: true }))

    async function answers(storage: StorageFactory) {
      await using database = await open(path, { storage })
      const collection = await database.collection('c')
      const hits = []
      for (const query of queries) hits.push(await collection.search(query))
      return { hits, stats: collection.stats().storage }
    }

    it.each([
      ['auto', 'auto' as const],
      ['buffered', false],
    ])('are scored in place with reads %s, bit for bit as by mmap', async (_, direct) => {
      const { hits, stats } = await answers(uringStorage({ direct }))
      expect(hits).toEqual((await answers(mmapStorage())).hits)
      expect(stats.residentHits).toBeGreaterThan(0)
      expect(stats.vectors).toBeGreaterThanOrEqual(stats.residentHits)
    })

    it('are left alone where reads shall go past it', async () => {
      const { hits, stats } = await answers(uringStorage({ direct: true }))
      expect(hits).toEqual((await answers(mmapStorage())).hits)
      expect(stats.residentHits).toBe(0)
      expect(stats.reads).toBeGreaterThan(0)
    })

    it('are refused when damaged, naming the slot', async () => {
      const files = await readdir(path, { recursive: true })
      const segment = join(path, files.find((file) => file.endsWith('.seg')) ?? '')
      await flipByte(segment, 4096 + 17 * dimension * 4)
      await using database = await open(path, { storage: uringStorage() })
      const collection = await database.collection('c')
      await expect(collection.search(vectorOf(17))).rejects.toMatchObject({
        code: 'ANNULUS_CORRUPT',
        details: { slot: 17 },
      })
    })
  },
)

async function flipByte(path: string, position: number): Promise<void> {
  const file = await openFile(path, 'r+')
  const byte = new Uint8Array(1)
  await file.read(byte, 0, 1, position)
  await file.write(
    byte.map((value) => value ^ 1),
    0,
    1,
    position,
  )
  await file.close()
}
