// After most points are gone, `optimize` makes the collection as small as what is left.
import { cpSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { preadStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compact } from '../src/compacting.js'
import { AbortError, type Collection, open } from '../src/index.js'
import { points, settings, storage } from './small-limits.js'
import { copyOf, directory, exactScore, openHere } from './world.js'

async function contents(collection: Collection): Promise<Map<unknown, unknown>> {
  const all = new Map<unknown, unknown>()
  for await (const { id, vector, payload } of collection.points({ withVector: true })) {
    all.set(id, [Array.from(vector ?? []), payload])
  }
  return all
}

/** Ids from `first`. */
const range = (count: number, first = 0) => Array.from({ length: count }, (_, i) => first + i)

/** The points of these ids, the same whenever they are made. */
const pointsOf = (ids: readonly number[]) => ids.flatMap((id) => points(1, id))

/** What the collection must hold. */
const expected = (ids: readonly number[]) =>
  new Map(pointsOf(ids).map(({ id, vector, payload }) => [id, [Array.from(vector), payload]]))

const sorted = (map: Map<unknown, unknown>) => [...map].sort((a, b) => Number(a[0]) - Number(b[0]))

/** Bytes of vectors that the disk holds. */
async function vectorBytes(path: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(path, { recursive: true })) {
    if (name.endsWith('.seg')) bytes += (await stat(join(path, name))).blocks * 512
  }
  return bytes
}

async function expectFinds(collection: Collection, ids: readonly number[]): Promise<void> {
  for (const { id, vector } of pointsOf(ids.slice(0, 40))) {
    const [hit] = await collection.search(vector, { limit: 1, ef: 200 })
    expect(hit?.id).toBe(id)
  }
  for (const kind of [0, 1, 2]) {
    const found: number[] = []
    for await (const { id } of collection.points({ filter: { kind } })) found.push(Number(id))
    expect(found.sort((a, b) => a - b)).toEqual(ids.filter((id) => id % 3 === kind))
  }
}

/** A collection of ids 450 to 599, which is saved as it was when it had those before as well. */
async function mostlyEmptied(path: string): Promise<Collection> {
  const collection = await (await openHere(path, storage)).collection('c', settings)
  await collection.upsert(pointsOf(range(600)))
  await collection.waitForIndex()
  await collection.flush()
  await collection.delete(range(450))
  return collection
}

describe('optimize, after deletions,', () => {
  it('keeps every point in as few slots as there are points, and gives the rest back', async () => {
    const path = await directory()
    const db = await openHere(path, storage)
    const collection = await db.collection('c', settings)
    await collection.upsert(pointsOf(range(2_000)))
    await collection.waitForIndex()
    await collection.flush()
    const full = await vectorBytes(path)
    const gone = range(2_000).filter((id) => id % 5 !== 4)
    await collection.delete(gone)
    const left = Array.from({ length: 400 }, (_, index) => 5 * index + 4)
    const moves: number[] = []
    collection.on('indexing', ({ phase, done }) => {
      if (phase === 'moving') moves.push(done)
    })
    await expectFinds(collection, left)
    await collection.optimize()
    expect(moves.at(-1)).toBe(320)
    expect(collection.stats()).toMatchObject({ slots: 400, freeSlots: 0 })
    expect(sorted(await contents(collection))).toEqual(sorted(expected(left)))
    expect(await vectorBytes(path)).toBeLessThan(full / 2)
    // What was given up is handed out again, and holds what is written now.
    await collection.upsert(pointsOf(range(700, 5_000)))
    await collection.waitForIndex()
    const all = [...left, ...range(700, 5_000)]
    await expectFinds(collection, all)
    await db.close()
    const again = await (await openHere(path, storage)).collection('c')
    expect(sorted(await contents(again))).toEqual(sorted(expected(all)))
    await expectFinds(again, all)
    expect((await again.stats()).slots).toBe(1_100)
  })

  it('has codes and nodes of what was written into slots given up, before the index is built anew', async () => {
    const path = await directory()
    const collection = await mostlyEmptied(path)
    const { parts, release } = collection.hold()
    await compact(parts, { proceed: () => {}, moved: () => {} })
    release()
    expect(collection.stats().slots).toBe(150)
    await collection.upsert(pointsOf(range(300, 2_000)))
    const copy = await copyOf(path)
    const crashed = await (await openHere(copy, storage)).collection('c')
    for (const each of [collection, crashed]) {
      await each.waitForIndex()
      await expectFinds(each, [...range(150, 450), ...range(300, 2_000)])
      // An estimate that is far off comes from the code of another point.
      for (const { vector } of pointsOf(range(20, 2_050))) {
        for (const { id, score } of await each.search(vector, { limit: 5, rescore: false })) {
          const [found] = pointsOf([Number(id)])
          const exact = exactScore('cosine', vector, found?.vector ?? [])
          expect(Math.abs(score - exact)).toBeLessThan(0.1)
        }
      }
    }
  })

  it('leaves everything whole for a crash between moving points and giving up their slots', async () => {
    const path = await directory()
    const collection = await mostlyEmptied(path)
    const left = range(150, 450)
    const copies = [await directory(), await directory()]
    const leave = (copy: string | undefined) => {
      if (copy === undefined) return
      const filter = (source: string) => !source.endsWith('-lock')
      cpSync(path, copy, { recursive: true, filter })
    }
    // Within the call: nothing is being written then.
    collection.on('indexing', ({ phase }) => {
      if (phase === 'moving') leave(copies[0])
    })
    await collection.optimize()
    leave(copies[1])
    for (const [index, copy] of copies.entries()) {
      const crashed = await (await openHere(copy, storage)).collection('c')
      expect(crashed.stats().slots).toBe(index === 0 ? 600 : 150)
      expect(sorted(await contents(crashed))).toEqual(sorted(expected(left)))
      await crashed.waitForIndex()
      await expectFinds(crashed, left)
    }
  })

  it('goes on beside writes, whose points are all there', async () => {
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', settings)
    await collection.upsert(pointsOf(range(900)))
    await collection.delete(range(700))
    let over = false
    const optimizing = collection.optimize().finally(() => {
      over = true
    })
    const ids = new Set(range(200, 700))
    for (let round = 0; !over || round < 3; round++) {
      const first = 10_000 + round * 20
      await collection.upsert(pointsOf(range(20, first)))
      await collection.delete([700 + 2 * round, first])
      for (let id = first + 1; id < first + 20; id++) ids.add(id)
      ids.delete(700 + 2 * round)
    }
    await optimizing
    await collection.waitForIndex()
    expect(sorted(await contents(collection))).toEqual(sorted(expected([...ids])))
    await expectFinds(collection, [...ids])
  })

  it('takes nothing from an iteration that goes on', async () => {
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', settings)
    await collection.upsert(pointsOf(range(900)))
    await collection.delete(range(600))
    const seen: unknown[] = []
    for await (const { id } of collection.points()) {
      seen.push(id)
      if (seen.length === 1) await collection.optimize()
    }
    expect(new Set(seen).size).toBe(300)
    await collection.optimize()
    expect(collection.stats().slots).toBe(300)
  })

  it('stops when it is aborted, with every point where it can be found', async () => {
    const db = await openHere(await directory(), preadStorage({ segmentBytesMax: 16_384 }))
    const collection = await db.collection('c', settings)
    await collection.upsert(pointsOf(range(400)))
    await collection.delete(range(300))
    const abort = new AbortController()
    collection.on('indexing', ({ phase }) => {
      if (phase === 'moving') abort.abort()
    })
    await expect(collection.optimize({ signal: abort.signal })).rejects.toThrow(AbortError)
    const left = range(100, 300)
    expect(sorted(await contents(collection))).toEqual(sorted(expected(left)))
    await collection.waitForIndex()
    await expectFinds(collection, left)
  })

  it('holds whatever was removed, and whatever is written afterwards', async () => {
    const ids = fc.uniqueArray(fc.integer({ min: 0, max: 249 }), { maxLength: 250, size: 'max' })
    await fc.assert(
      fc.asyncProperty(ids, fc.nat(120), fc.boolean(), async (removed, added, reopens) => {
        const path = await directory()
        let db = await open(path, { storage })
        try {
          let collection: Collection = await db.collection('c', settings)
          await collection.upsert(pointsOf(range(250)))
          await collection.waitForIndex()
          await collection.flush()
          await collection.delete(removed)
          await collection.optimize()
          await collection.upsert(pointsOf(range(added, 1_000)))
          if (reopens) {
            const copy = await copyOf(path)
            await db.close()
            db = await open(copy, { storage })
            collection = await db.collection('c')
          }
          await collection.waitForIndex()
          const left = range(250).filter((id) => !removed.includes(id))
          const all = [...left, ...range(added, 1_000)]
          expect(sorted(await contents(collection))).toEqual(sorted(expected(all)))
          await expectFinds(collection, all)
        } finally {
          await db.close()
        }
      }),
      { numRuns: 12 },
    )
  })
})
