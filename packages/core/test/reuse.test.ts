import { cp } from 'node:fs/promises'
import { memoryStorage, preadStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import type { Collection } from '../src/index.js'
import { Readers } from '../src/readers.js'
import { SlotTable } from '../src/slot-table.js'
import { copyOf, directory, openHere, vectors } from './world.js'

const dimension = 8
const tuning = { codesFrom: 50, graphFrom: 100, reclaimFrom: 10 }
const options = { dimension, indexedFields: ['kind'], ...tuning }
type Payload = { kind: string; round: number }

function points(round: number, from: number, to: number) {
  const all = vectors(to, dimension, round * 1_000 + 1).slice(from)
  return all.map((vector, index) => ({
    id: from + index,
    vector,
    payload: { kind: `kind ${(from + index + round) % 3}`, round },
  }))
}

/** Every point is found by its own vector, with its own payload, through every filter that it passes. */
async function checkAll(collection: Collection<Payload>, expected: ReturnType<typeof points>) {
  expect(collection.size).toBe(expected.length)
  for (const { id, vector, payload } of expected) {
    for (const filter of [{}, { kind: payload.kind }, { round: payload.round }]) {
      const [hit] = await collection.search(vector, { limit: 1, filter })
      expect(hit?.id).toBe(id)
      expect(hit?.payload).toEqual(payload)
    }
    expect((await collection.get(id, { withVector: true }))?.vector).toEqual(vector)
  }
}

/** Waits until so many slots are free. */
async function freed(collection: Collection<Payload>, slots: number): Promise<void> {
  await collection.waitForIndex()
  while (collection.stats().freeSlots < slots) await new Promise(setImmediate)
}

/** Overwrites the lower half of 400 points again and again. */
async function churn(collection: Collection<Payload>, rounds: number): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    await collection.upsert(points(round, 0, 200))
    await freed(collection, 200)
    const now = [...points(round, 0, 200), ...points(0, 200, 400)]
    for (const filter of [{ kind: 'kind 0' }, { kind: 'kind 1', round: 0 }]) {
      const passing = now.filter(({ payload }) =>
        Object.entries(filter).every(([field, value]) => Reflect.get(payload, field) === value),
      )
      expect(await collection.count({ filter })).toBe(passing.length)
    }
  }
}

describe('slots of removed points', () => {
  it('are used again, so that neither files nor memory grow with overwriting', async () => {
    const db = await openHere(await directory(), preadStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 400))
    await churn(collection, 12)
    expect(collection.stats().slots).toBeLessThanOrEqual(800)
    await checkAll(collection, [...points(12, 0, 200), ...points(0, 200, 400)])
  })

  it('belong to their new points after a crash that finds older codes and graph', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 400))
    await collection.upsert(points(1, 0, 200))
    await freed(collection, 200)
    await collection.flush()
    await collection.upsert(points(2, 0, 200))
    expect(collection.stats().slots).toBe(600)
    const copy = await copyOf(path)
    const again = await openHere(copy, preadStorage())
    const rebuilt: string[] = []
    again.on('rebuilt', ({ file }) => rebuilt.push(file))
    const reopened = await again.collection<Payload>('c', tuning)
    const expected = [...points(2, 0, 200), ...points(0, 200, 400)]
    await checkAll(reopened, expected)
    await reopened.waitForIndex()
    await checkAll(reopened, expected)
    expect(rebuilt).toEqual([])
  })

  it('can be all that a search looks through, before any of them has a code again', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 400))
    await collection.delete(points(0, 0, 200).map(({ id }) => id))
    await freed(collection, 200)
    await collection.flush()
    const late = points(2, 0, 50).map((point) => ({
      ...point,
      payload: { kind: 'late', round: 2 },
    }))
    await collection.upsert(late)
    expect(collection.stats().slots).toBe(400)
    const again = await openHere(await copyOf(path), preadStorage())
    const reopened = await again.collection<Payload>('c', tuning)
    const [sought] = late
    const query = sought?.vector ?? new Float32Array()
    const [hit] = await reopened.search(query, { limit: 1, filter: { kind: 'late' } })
    expect(hit?.id).toBe(sought?.id)
  })

  it('have the codes of their new points in the next snapshot, though none were added', async () => {
    const path = await directory()
    const session = async (work: (collection: Collection<Payload>) => Promise<void>) => {
      const db = await openHere(path, preadStorage())
      const collection = await db.collection<Payload>('c', options)
      await work(collection)
      await collection.waitForIndex()
      await db.close()
    }
    await session((collection) => collection.upsert(points(0, 0, 400)).then(() => undefined))
    await session(async (collection) => {
      await collection.delete(points(0, 0, 200).map(({ id }) => id))
      await freed(collection, 200)
      // Commits enough for closing to save them.
      for (let first = 0; first < 200; first += 20) {
        await collection.upsert(points(1, first, first + 20))
      }
      expect(collection.stats().slots).toBe(400)
    })
    await session(async (collection) => {
      for (const { id, vector } of [...points(1, 0, 200), ...points(0, 200, 400)]) {
        const [hit] = await collection.search(vector, { limit: 1, rescore: false })
        expect(hit).toMatchObject({ id, exact: false })
        expect(hit?.score).toBeCloseTo(1, 2)
      }
    })
  })

  it('keep a crash harmless that comes while one is written', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 400))
    await collection.upsert(points(1, 0, 200))
    await freed(collection, 200)
    await collection.flush()
    const copy = await copyOf(path)
    await collection.upsert(points(2, 0, 200))
    // The vectors of the commit, and nothing else of it.
    const vectorsOf = (root: string) => `${root}/collections/1/vectors`
    await cp(vectorsOf(path), vectorsOf(copy), { recursive: true })
    const again = await openHere(copy, preadStorage())
    const reopened = await again.collection<Payload>('c', tuning)
    await checkAll(reopened, [...points(1, 0, 200), ...points(0, 200, 400)])
  })

  it('are not used again while all points are passed over', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 400))
    await collection.upsert(points(1, 0, 200))
    await freed(collection, 200)
    const seen = new Set<unknown>()
    let first = true
    for await (const { id } of collection) {
      seen.add(id)
      if (first) await collection.upsert(points(2, 0, 400))
      first = false
    }
    expect(seen.size).toBe(400)
    expect(collection.stats().slots).toBe(1_000)
    await freed(collection, 600)
    await collection.upsert(points(3, 0, 400))
    expect(collection.stats().slots).toBe(1_000)
  })

  it('leave no trace of their points in the payload index, also after reopening', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    const collection = await db.collection<Payload>('c', options)
    await collection.upsert(points(0, 0, 40))
    await collection.delete(points(0, 0, 40).map(({ id }) => id))
    await db.close()
    const again = await openHere(path, preadStorage())
    const reopened = await again.collection<Payload>('c', tuning)
    await reopened.upsert(points(1, 0, 40))
    expect(reopened.stats().slots).toBe(40)
    for (const kind of ['kind 0', 'kind 1', 'kind 2']) {
      const expected = points(1, 0, 40).filter(({ payload }) => payload.kind === kind)
      expect(await reopened.count({ filter: { kind } })).toBe(expected.length)
    }
  })
})

describe('the parts', () => {
  it('wait for readers that had begun, and for no others', async () => {
    const readers = new Readers()
    let end = () => {}
    const reading = readers.run(() => new Promise<void>((resolve) => (end = resolve)))
    let passed = false
    const waiting = readers.passed().then(() => (passed = true))
    const endless = readers.run(() => new Promise(() => {}))
    await Promise.resolve()
    expect(passed).toBe(false)
    end()
    await reading
    await waiting
    expect(passed).toBe(true)
    void endless
  })

  it('tell live, dead and free slots apart', () => {
    const table = new SlotTable()
    table.extend(4)
    for (const slot of [0, 1, 2, 3]) table.add(slot, slot)
    table.remove(1)
    table.remove(2)
    expect([...table.deadSlots().slots()]).toEqual([1, 2])
    table.release(table.deadSlots())
    expect([table.dead, table.free]).toEqual([0, 2])
    expect([...table.freeSlots(1)]).toEqual([1])
    table.add(1, 'text')
    expect(table.numericId(1)).toBeUndefined()
    expect([...table.freeSlots(9)]).toEqual([2])
  })
})
