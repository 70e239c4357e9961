// What each durability promises, on states that a crash would leave: copies of the files.
import { memoryStorage, preadStorage } from '@annulus/storage'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnnulusError, type Database, type Durability, open } from '../src/index.js'
import { copyOf, directory, failure, vectors, wrapped } from './world.js'

const dimension = 4
const point = (id: number, n = id) => ({
  id,
  vector: vectors(1, dimension, id + 1)[0] ?? [],
  payload: { n, even: n % 2 === 0 },
})

async function ids(db: Database): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const { id } of (await db.collection('c', { dimension })).points()) found.push(id)
  return found
}

/** What is found when the files, as they are now, are opened elsewhere. */
async function afterCrash(path: string, storage = preadStorage()): Promise<unknown[]> {
  await using db = await open(await copyOf(path), { storage })
  return await ids(db)
}

describe('durability', () => {
  it('sync has a write on disk when it resolves', async () => {
    const path = await directory()
    const storage = preadStorage()
    await using db = await open(path, { storage })
    const collection = await db.collection('c', { dimension })
    await collection.upsert(point(1))
    expect(db.stats().durability).toBe('sync')
    expect(await afterCrash(path)).toEqual([1])
  })

  for (const durability of ['batched', 'none'] as const) {
    it(`${durability} finds a write at once and has it on disk after flush`, async () => {
      const path = await directory()
      const storage = preadStorage()
      const db = await open(path, { storage, durability })
      const collection = await db.collection('c', { dimension, indexedFields: ['even'] })
      await collection.upsert([point(1), point(2)])
      await collection.upsert(point(2, 5))
      await collection.delete(1)
      expect(await collection.has(1)).toBe(false)
      expect(await collection.get(2)).toMatchObject({ id: 2, payload: { n: 5 } })
      expect(await collection.count({ filter: { even: false } })).toBe(1)
      expect(await collection.count({ filter: { even: true } })).toBe(0)
      const before = await copyOf(path)
      await db.flush()
      const after = await copyOf(path)
      await db.close()
      await using old = await open(before, { storage, durability })
      if (durability === 'none') expect(await ids(old)).toEqual([])
      await using recent = await open(after, { storage, durability })
      expect(await ids(recent)).toEqual([2])
      const found = await recent.collection('c')
      expect(await found.count({ filter: { even: false } })).toBe(1)
    })
  }

  it('batched becomes durable by itself', async () => {
    const path = await directory()
    let flushed = () => {}
    const durable = new Promise<void>((resolve) => {
      flushed = resolve
    })
    const storage = wrapped(memoryStorage(), (inner) => ({
      flush: () => inner.flush().then(flushed),
    }))
    await using db = await open(path, { storage, durability: 'batched' })
    const collection = await db.collection('c', { dimension })
    await collection.upsert(point(1))
    await durable
  })

  it('everything is durable after close', async () => {
    const path = await directory()
    const storage = preadStorage()
    for (const [id, durability] of (['batched', 'none'] as const).entries()) {
      await using db = await open(path, { storage, durability })
      await (await db.collection('c', { dimension })).upsert(point(id))
    }
    await using db = await open(path, { storage })
    expect(await ids(db)).toEqual([0, 1])
  })

  it('vectors are flushed before anything that names them is written', async () => {
    const path = await directory()
    const states: Promise<unknown[]>[] = []
    const storage = wrapped(memoryStorage(), (inner) => ({
      async flush() {
        states.push(afterCrash(path))
        await Promise.all(states)
        await inner.flush()
      },
    }))
    await using db = await open(path, { storage, durability: 'none' })
    const collection = await db.collection('c', { dimension })
    for (const id of [1, 2, 3]) await collection.upsert(point(id))
    await db.flush()
    expect(await Promise.all(states)).toEqual([[]])
  })

  it('a flush that fails latches: searches go on, nothing false is said', async () => {
    const path = await directory()
    const storage = wrapped(memoryStorage(), () => ({
      flush: () => Promise.reject(new AnnulusError('ANNULUS_IO', 'the disk is gone')),
    }))
    const db = await open(path, { storage, durability: 'batched' })
    const collection = await db.collection('c', { dimension })
    const other = await db.collection('d', { dimension })
    const reported = new Promise((resolve) => collection.once('backgroundError', resolve))
    await collection.upsert(point(1))
    expect(await reported).toMatchObject({ code: 'ANNULUS_IO' })
    const refused = await collection.upsert(point(2)).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'ANNULUS_LATCHED', cause: { code: 'ANNULUS_IO' } })
    expect(await failure(other.upsert(point(2)))).toBe('ANNULUS_LATCHED')
    expect(await failure(db.collection('e', { dimension }))).toBe('ANNULUS_LATCHED')
    expect(await collection.search([1, 0, 0, 0])).toHaveLength(1)
    expect(await failure(db.close())).toBe('ANNULUS_LATCHED')
    expect(await afterCrash(path)).toEqual([])
  })

  it('is checked by name', async () => {
    // @ts-expect-error: this is what is refused
    const opened = open(await directory(), { storage: memoryStorage(), durability: 'maybe' })
    expect(await failure(opened)).toBe('ANNULUS_INVALID_ARGUMENT')
  })

  it('leaves a prefix of the acknowledged writes, whatever the moment and the mode', async () => {
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ upsert: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 2, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 1, arbitrary: fc.constant({ flush: true as const }) },
    )
    const mode = fc.constantFrom<Durability>('sync', 'batched', 'none')
    await fc.assert(
      fc.asyncProperty(mode, fc.array(command, { maxLength: 12 }), async (durability, commands) => {
        const path = await directory()
        const storage = preadStorage()
        const db = await open(path, { storage, durability })
        const collection = await db.collection('c', { dimension })
        const model = new Map<number, number>()
        const history = [JSON.stringify([])]
        let durable = 0
        for (const [n, command] of commands.entries()) {
          if ('upsert' in command) {
            model.set(command.upsert, n)
            await collection.upsert(point(command.upsert, n))
          } else if ('remove' in command) {
            model.delete(command.remove)
            await collection.delete(command.remove)
          } else await db.flush()
          history.push(JSON.stringify([...model].sort((a, b) => a[0] - b[0])))
          if ('flush' in command || durability === 'sync') durable = history.length - 1
        }
        const crashed = await copyOf(path)
        await db.close()
        await using again = await open(crashed, { storage })
        const found: [number, number][] = []
        const recovered = await again.collection<{ n: number }>('c', { dimension })
        for await (const { id, payload } of recovered.points()) {
          found.push([Number(id), payload?.n ?? -1])
        }
        const state = JSON.stringify(found.sort((a, b) => a[0] - b[0]))
        expect(history.slice(durable)).toContain(state)
      }),
      { numRuns: 25 },
    )
  })
})
