// Closing gives back every part, whatever fails on the way.
import { HnswIndex } from '@annulus/hnsw'
import { Pool, pipelineSearch } from '@annulus/native'
import { none } from '@annulus/quantization'
import { type FileOps, memoryStorage, nodeFileOps, type StorageFactory } from '@annulus/storage'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Generation, withScorer } from '../src/generation.js'
import { open } from '../src/index.js'
import { releaseAll } from '../src/releasing.js'
import { Store } from '../src/store.js'
import { directory } from './world.js'

afterEach(() => vi.restoreAllMocks())

/** Closes the store, and says it failed. */
function failAtStoreClose(): void {
  const { close } = Store.prototype
  vi.spyOn(Store.prototype, 'close').mockImplementationOnce(async function (this: Store) {
    await close.call(this)
    throw new Error('the store did not close')
  })
}

const failingStorage: StorageFactory = {
  name: 'memory',
  async open(options) {
    const storage = await memoryStorage().open(options)
    const close = storage.close.bind(storage)
    storage.close = async () => {
      await close()
      throw new Error('the storage did not close')
    }
    return storage
  },
}

describe('closing', () => {
  it('runs all steps and throws what failed first', async () => {
    const ran: number[] = []
    const steps = Array.from({ length: 5 }, (_, i) => async () => {
      ran.push(i)
      if (i % 2 === 1) throw new Error(`step ${i}`)
    })
    await expect(releaseAll(steps)).rejects.toThrow('step 1')
    expect(ran).toEqual([0, 1, 2, 3, 4])
  })

  it('gives the lock back when the store does not close', async () => {
    const path = await directory()
    const db = await open(path, { storage: memoryStorage() })
    failAtStoreClose()
    await expect(db.close()).rejects.toThrow('the store did not close')
    await (await open(path, { storage: memoryStorage() })).close()
  })

  it('gives store and lock back when a storage does not close', async () => {
    const path = await directory()
    const db = await open(path, { storage: failingStorage })
    await db.collection('a', { dimension: 2 })
    await db.collection('b', { dimension: 2 })
    const closing = vi.spyOn(Store.prototype, 'close')
    await expect(db.close()).rejects.toThrow('the storage did not close')
    expect(closing).toHaveBeenCalledOnce()
    await (await open(path, { storage: memoryStorage() })).close()
  })

  it('gives the lock back when neither opening nor closing works, and says why it did not open', async () => {
    const path = await directory()
    await (await open(path, { storage: memoryStorage() })).close()
    const files: FileOps = {
      ...nodeFileOps,
      syncDirectory: () => Promise.reject(new Error('no sync')),
    }
    failAtStoreClose()
    await expect(open(path, { storage: memoryStorage(), files })).rejects.toThrow('no sync')
    await (await open(path, { storage: memoryStorage() })).close()
  })
})

describe('a closed generation', () => {
  it('leaves no handle that keeps codes or graph in memory', async () => {
    const pool = new Pool(1)
    const vectors = Float32Array.of(1, 2, 3, 4, 5, 6)
    const codes = await none().train(vectors, { dimension: 2, metric: 'euclidean', pool })
    const generation = new Generation(codes, 3)
    await generation.encode(Uint32Array.of(0, 1, 2), vectors)
    const graph = await withScorer(codes, (scorer) => HnswIndex.create({ pool, scorer }))
    generation.graph = graph
    await graph.insert(Uint32Array.of(0, 1, 2))

    const options = { metric: 'euclidean', limit: 1, candidates: 1, ef: 4 } as const
    const searches = [generation.sources.codes(), generation.sources.graph(graph)].map(
      (source) => () =>
        pipelineSearch(pool, [{ source }], undefined, Float32Array.of(3, 4), options),
    )
    for (const search of searches) expect((await search()).slots).toEqual(Uint32Array.of(1))
    await generation.close()
    for (const search of searches)
      await expect(search()).rejects.toMatchObject({ code: 'ANNULUS_CLOSED' })
    pool.close()
  })
})
