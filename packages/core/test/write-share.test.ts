// What resting for searches means for writers: nothing is lost, everything can be ended.
import { AbortError } from '@annulus/native'
import { memoryStorage } from '@annulus/storage'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Database, open } from '../src/index.js'
import { turn } from '../src/points.js'
import { WritePace } from '../src/write-pace.js'
import { directory, lastingMemory } from './world.js'

afterEach(() => vi.restoreAllMocks())

/** Rests last until they are ended, for whatever reason; returns what ends them all. */
function restWithoutEnd(): { resting: () => number; awake: () => void } {
  let asleep = true
  let resting = 0
  vi.spyOn(WritePace.prototype, 'rest').mockImplementation(async (isOver = () => false) => {
    resting++
    while (asleep && !isOver()) await turn()
    resting--
  })
  return { resting: () => resting, awake: () => (asleep = false) }
}

const points = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, vector: [from + i, 1] }))

async function opened(): Promise<Database> {
  return open(await directory(), { storage: memoryStorage(), writeShare: 0.1 })
}

describe('the option writeShare', () => {
  it.each([0, -1, 1.01, Number.NaN, '0.5'])('is refused when it is %s', async (writeShare) => {
    const path = await directory()
    // @ts-expect-error: what is not TypeScript may pass anything
    await expect(open(path, { storage: memoryStorage(), writeShare })).rejects.toThrow(
      expect.objectContaining({
        code: 'ANNULUS_INVALID_ARGUMENT',
        details: { option: 'writeShare' },
      }),
    )
  })

  it.each([1e-6, 0.25, 1])('may be %s', async (writeShare) => {
    const db = await open(await directory(), { storage: memoryStorage(), writeShare })
    await db.close()
  })
})

describe('a write that rests', () => {
  it('is withdrawn by an abort at once; those behind it are written later', async () => {
    const db = await opened()
    const collection = await db.collection('a', { dimension: 2 })
    const { resting, awake } = restWithoutEnd()
    const stop = new AbortController()
    const first = collection.upsert(points(0, 3), { signal: stop.signal })
    const second = collection.upsert(points(10, 2))
    const third = collection.upsert(points(20, 1), { signal: stop.signal })
    while (resting() === 0) await turn()
    stop.abort()
    await expect(first).rejects.toThrow(AbortError)
    await expect(third).rejects.toThrow(AbortError)
    expect(collection.size).toBe(0)
    awake()
    expect(await second).toMatchObject({ inserted: 2 })
    expect(collection.size).toBe(2)
    await db.close()
  })

  it('is written when the database closes, which does not wait for the end of the rest', async () => {
    const storage = lastingMemory()
    const path = await directory()
    const db = await open(path, { storage })
    const collection = await db.collection('a', { dimension: 2 })
    const { resting } = restWithoutEnd()
    const written = collection.upsert(points(0, 3))
    while (resting() === 0) await turn()
    await db.close()
    expect(await written).toMatchObject({ inserted: 3 })
    vi.restoreAllMocks()
    const again = await open(path, { storage })
    expect((await again.collection('a')).size).toBe(3)
    await again.close()
  })
})

describe('indexing that rests', () => {
  it('ends when the database closes', async () => {
    const db = await opened()
    const collection = await db.collection('a', { dimension: 2, codesFrom: 1, graphFrom: 1 })
    await collection.upsert(points(0, 300))
    await collection.waitForIndex()
    const { resting } = restWithoutEnd()
    const deleting = collection.delete(Array.from({ length: 200 }, (_, id) => id))
    const settled = collection.waitForIndex().catch((error: unknown) => error)
    while (resting() === 0) await turn()
    await db.close()
    await deleting
    await settled
    expect(resting()).toBe(0)
  })

  it('goes through the pace, linking and repair', async () => {
    const db = await opened()
    const options = { dimension: 2, codesFrom: 1, graphFrom: 1, reclaimFrom: 1 }
    const collection = await db.collection('a', options)
    const spent = vi.spyOn(WritePace.prototype, 'spend')
    await collection.upsert(points(0, 300))
    await collection.waitForIndex()
    const before = spent.mock.calls.length
    expect(before).toBeGreaterThan(1)
    await collection.delete(Array.from({ length: 200 }, (_, id) => id))
    await collection.waitForIndex()
    expect(spent.mock.calls.length).toBeGreaterThan(before + 1)
    await db.close()
  })
})
