// A damaged vector is an error that names file and slot, on every way that a search may take to it, and
// harms no other search.
import { mkdtemp, open as openFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isUringSupported, mmapStorage, open, uringStorage } from '../src/index.js'

const dimension = 32
const count = 1_500
const damaged = 700

function vectorOf(seed: number): Float32Array {
  return Float32Array.from({ length: dimension }, (_, i) =>
    Math.sin((seed + 1) * (i + 1) * 12.9898),
  )
}

const uring = isUringSupported().supported
const backends = [
  ['mmap', mmapStorage, true],
  ['io_uring past the page cache', () => uringStorage({ direct: 'auto' }), uring],
  ['io_uring through the page cache', () => uringStorage({ direct: false }), uring],
] as const

const strategies = [
  ['graph', { codesFrom: 100, graphFrom: 200 }, { ef: 8 }],
  ['scan', { codesFrom: 100, graphFrom: 1_000_000 }, {}],
  ['exact', {}, { exact: true }],
] as const

describe('a damaged vector', () => {
  let path: string
  let segment: string

  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'annulus-damage-'))
    await using db = await open(path, { storage: mmapStorage() })
    for (const [name, tuning] of strategies) {
      const collection = await db.collection(name, { dimension, ...tuning })
      await collection.upsert(
        Array.from({ length: count }, (_, id) => ({ id, vector: vectorOf(id) })),
      )
      await collection.waitForIndex()
    }
    await db.close()
    for (const number of [1, 2, 3]) {
      segment = join(path, `collections/${number}/vectors/vectors-000000.seg`)
      const file = await openFile(segment, 'r+')
      const at = 4096 + damaged * dimension * 4 + 9
      const byte = new Uint8Array(1)
      await file.read(byte, 0, 1, at)
      await file.write(
        byte.map((value) => value ^ 64),
        0,
        1,
        at,
      )
      await file.close()
    }
  }, 60_000)
  afterAll(() => rm(path, { recursive: true, force: true }))

  for (const [backend, storage, supported] of backends) {
    for (const [strategy, tuning, options] of strategies) {
      it.skipIf(!supported)(`is named by ${backend}, found by ${strategy}`, async () => {
        await using db = await open(path, { storage: storage() })
        const collection = await db.collection(strategy, tuning)
        await collection.waitForIndex()
        const number = strategies.findIndex(([name]) => name === strategy) + 1
        const place = { slot: damaged, path: expect.stringContaining(`collections/${number}/`) }
        const search = { limit: 1, ...options }
        await expect(collection.search(vectorOf(damaged), search)).rejects.toMatchObject({
          code: 'ANNULUS_CORRUPT',
          details: place,
        })
        await expect(collection.get(damaged, { withVector: true })).rejects.toMatchObject({
          code: 'ANNULUS_CORRUPT',
          details: place,
        })
        if (strategy === 'exact') return
        const { hits, diagnostics } = await collection.searchWithDiagnostics(vectorOf(3), search)
        expect(diagnostics.strategy).toBe(strategy)
        expect(hits[0]).toMatchObject({ id: 3, exact: true })
      })
    }
  }
})
