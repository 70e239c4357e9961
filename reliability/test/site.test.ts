// What the harnesses mean to exercise happens in their collections.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { large, pointOf } from '../src/points.js'
import { searchMeanwhile } from '../src/searcher.js'
import { openSite, storageOf } from '../src/site.js'

it('codes of large points come after opening, and get sketches where somebody searches', async () => {
  const path = await mkdtemp(join(tmpdir(), 'annulus-site-'))
  const storage = storageOf('mmap', undefined, large)
  try {
    const { db, collection } = await openSite({ path, storage, shape: large })
    const numbers = Array.from({ length: large.numbersMax }, (_, number) => number)
    await collection.upsert(numbers.map((number) => pointOf(number, number, large.dimension)))
    await collection.waitForIndex()
    await db.close()
    const again = await openSite({ path, storage, shape: large, codesLater: true })
    const { index, memory } = again.collection.stats()
    expect(index.loaded).toBeLessThan(index.encoded)
    const searcher = searchMeanwhile(again.collection, (error) => {
      throw error
    })
    const growing = () => again.collection.stats().memory.codes
    await expect.poll(growing, { timeout: 20_000 }).toBeGreaterThan(memory.codes)
    expect(again.collection.stats().index.loaded).toBe(index.encoded)
    expect(await searcher.stop()).toEqual([])
    await again.db.close()
  } finally {
    await rm(path, { recursive: true, force: true })
  }
})
