import { open as openFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Collection, type Database, open } from '../src/index.js'
import { pauseMs } from '../src/throttle.js'
import { dimension, points, settings, storage } from './small-limits.js'
import { directory, failure, openHere, vectors } from './world.js'

async function contents(collection: Collection): Promise<Map<unknown, unknown>> {
  const all = new Map<unknown, unknown>()
  for await (const point of collection.points({ withVector: true })) {
    all.set(point.id, [Array.from(point.vector ?? []), point.payload])
  }
  return new Map([...all].sort((a, b) => Number(a[0]) - Number(b[0])))
}

async function filled(db: Database): Promise<Collection> {
  const collection = await db.collection('c', settings)
  await collection.upsert(points(300))
  await collection.upsert(points(50, 0, 1))
  await collection.delete([60, 61, 62])
  await collection.waitForIndex()
  await collection.flush()
  return collection
}

describe('a backup', () => {
  it('is a database with the same points, open collections and others', async () => {
    const path = await directory()
    const target = join(await directory(), 'copy')
    const db = await openHere(path, storage)
    const collection = await filled(db)
    const closed = await db.collection('closed', { dimension })
    await closed.upsert(points(20))
    await closed.close()
    const seen: number[] = []
    const report = await db.backup(target, { progress: ({ bytes }) => void seen.push(bytes) })
    expect(report).toMatchObject({ path: target, collections: 2, points: 317 })
    expect(seen.at(-1)).toBe(report.bytes)
    const rebuilt: unknown[] = []
    const copy = await openHere(target, storage)
    copy.on('rebuilt', (file) => void rebuilt.push(file))
    const restored = await copy.collection('c')
    expect(await contents(restored)).toEqual(await contents(collection))
    expect(restored.stats().index).toMatchObject({ encoded: 350, linked: 350 })
    expect(await restored.count({ filter: { kind: 1 } })).toBe(
      await collection.count({ filter: { kind: 1 } }),
    )
    expect(await contents(await copy.collection('closed'))).toEqual(
      await contents(await db.collection('closed')),
    )
    await new Promise(setImmediate)
    expect(rebuilt).toEqual([])
    expect((await stat(join(target, 'annulus.mdb'))).mode & 0o777).toBe(0o600)
    await (await copy.collection('c')).upsert(points(5, 1_000))
  })

  it('stands at one commit while writes go on', async () => {
    const db = await openHere(await directory(), storage)
    const collection = await filled(db)
    // Every write sets all of them to one number: any mixture shows.
    const write = (turn: number) => collection.upsert(points(100, 0, turn))
    await write(1)
    let turn = 1
    let writing = true
    const writer = (async () => {
      while (writing) await write(++turn)
    })()
    for (let round = 0; round < 3; round++) {
      const least = turn - 1
      const target = join(await directory(), 'copy')
      await db.backup(target)
      const copy = await openHere(target, storage)
      const restored = await copy.collection<{ turn: number }>('c')
      const found = await restored.get(points(100).map(({ id }) => id))
      const turns = new Set(found.map((point) => point?.payload?.turn))
      expect(turns.size).toBe(1)
      expect(Math.max(...Array.from(turns, Number))).toBeGreaterThanOrEqual(least)
      const [vector] = vectors(1, dimension)
      expect(await restored.search(vector ?? [], { limit: 400 })).toHaveLength(300)
      await copy.close()
    }
    writing = false
    await writer
  })

  it('leaves nothing when it is aborted, and nothing that opens when it is cut off', async () => {
    const db = await openHere(await directory(), storage)
    await filled(db)
    const parent = await directory()
    const target = join(parent, 'copy')
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    const aborted = db.backup(target, {
      signal: controller.signal,
      progress: () => controller.abort(reason),
    })
    await expect(aborted).rejects.toMatchObject({ code: 'ANNULUS_ABORTED', cause: reason })
    expect(await readdir(parent)).toEqual([])
    await db.backup(target)
    await writeFile(join(target, 'incomplete'), '')
    expect(await failure(open(target, { storage }))).toBe('ANNULUS_CORRUPT')
  })

  it('refuses a directory that holds anything, and unknown options', async () => {
    const path = await directory()
    const db = await openHere(path, storage)
    expect(await failure(db.backup(path))).toBe('ANNULUS_EXISTS')
    const empty = await directory()
    // @ts-expect-error: this is what is refused
    expect(await failure(db.backup(empty, { speed: 1 }))).toBe('ANNULUS_UNKNOWN_OPTION')
    expect(await failure(db.backup(empty, { bytesPerSecond: 0 }))).toBe('ANNULUS_INVALID_ARGUMENT')
    await db.backup(empty)
  })

  it('never spreads damage', async () => {
    const path = await directory()
    const db = await openHere(path, storage)
    await filled(db)
    const file = await openFile(join(path, 'collections/1/vectors/vectors-000000.seg'), 'r+')
    await file.write(Buffer.from([1, 2, 3]), 0, 3, 4096 + 100 * dimension * 4)
    await file.close()
    const target = join(await directory(), 'copy')
    await expect(db.backup(target)).rejects.toMatchObject({
      code: 'ANNULUS_CORRUPT',
      details: { slot: 100 },
    })
    expect(await stat(target).catch(() => undefined)).toBeUndefined()
  })

  it('rests as long as its pace demands', () => {
    fc.assert(
      fc.property(
        fc.nat(1e9),
        fc.integer({ min: 1, max: 1e9 }),
        fc.nat(1e7),
        (bytes, rate, elapsed) => {
          const total = elapsed + pauseMs(bytes, rate, elapsed)
          expect(total).toBeGreaterThanOrEqual(elapsed)
          expect((bytes / total) * 1_000).toBeLessThanOrEqual(rate * 1.000001)
        },
      ),
    )
  })
})
