import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeFileOps } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { type Collection, open } from '../src/index.js'
import { Store } from '../src/store.js'
import { dimension, points, settings, storage } from './small-limits.js'
import { directory, failure, openHere } from './world.js'

async function contents(collection: Collection): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const { id, vector, payload } of collection.points({ withVector: true })) {
    all.push([id, Array.from(vector ?? []), payload])
  }
  return all.sort((a, b) => Number((a as number[])[0]) - Number((b as number[])[0]))
}

/** Every byte of every file, but for LMDB's table of readers. */
async function bytesOf(path: string): Promise<Map<string, string>> {
  const names = await readdir(path, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile() && !entry.name.endsWith('-lock'))
  const entries = files.map(async ({ parentPath, name }) => {
    const file = join(parentPath, name)
    return [file, (await readFile(file)).toString('base64')] as const
  })
  return new Map((await Promise.all(entries)).sort())
}

describe('a database that is only read', () => {
  it('does not keep snapshots from being written where a killed process left an unfinished one', async () => {
    const path = await directory()
    await using db = await openHere(path, storage)
    const collection = await db.collection('c', settings)
    await collection.upsert(points(200))
    await collection.waitForIndex()
    await collection.flush()
    await using reading = await open(path, { storage, readOnly: true })
    await reading.collection('c')
    await collection.upsert(points(50, 200))
    await collection.waitForIndex()
    const folder = join(path, 'collections', '1')
    for (let version = 1; version < 10; version++) {
      await writeFile(join(folder, `slots.${version}.snap`), 'unfinished', { flag: 'wx' }).catch(
        () => {},
      )
    }
    await collection.flush()
    expect(collection.size).toBe(250)
  })

  it('stays at the state of its opening while somebody writes', async () => {
    const path = await directory()
    const db = await openHere(path, storage)
    const collection = await db.collection('c', settings)
    await collection.upsert(points(200))
    await collection.upsert(points(40))
    await collection.waitForIndex()
    await collection.flush()
    const before = await contents(collection)
    const reader = await open(path, { storage, readOnly: true })
    const rebuilt: unknown[] = []
    reader.on('rebuilt', (file) => void rebuilt.push(file))
    // All replaced, some removed, and the derived files of before superseded.
    await collection.upsert(points(200, 0, 1))
    await collection.delete([1, 2, 3])
    await collection.waitForIndex()
    // The slots of what the reader sees are not given to these.
    await collection.upsert(points(200, 1_000))
    await collection.flush()
    const seen = await reader.collection('c')
    expect(await contents(seen)).toEqual(before)
    expect(seen.size).toBe(200)
    expect(await seen.count({ filter: { kind: 1 } })).toBe(67)
    const hits = await seen.search(points(1)[0]?.vector ?? [], { limit: 200 })
    expect(hits).toHaveLength(200)
    expect(new Set(hits.map(({ payload }) => payload?.['turn']))).toEqual(new Set([0]))
    expect(seen.stats().index).toMatchObject({ backlog: 0 })
    expect(rebuilt).toEqual([])
    expect(await contents(collection)).toHaveLength(397)
    await reader.close()
    const later = await open(path, { storage, readOnly: true })
    expect(await contents(await later.collection('c'))).toEqual(await contents(collection))
    await later.close()
    await collection.upsert(points(1, 500))
  })

  it('never writes a byte, and says so', async () => {
    const path = await directory()
    const writer = await open(path, { storage })
    const collection = await writer.collection('c', { dimension })
    await collection.upsert(points(120))
    await writer.collection('empty', { dimension })
    await writer.close()
    const before = await bytesOf(path)
    const db = await open(path, { storage, readOnly: true })
    const seen = await db.collection('c', { codesFrom: 50, graphFrom: 100 })
    await seen.waitForIndex()
    expect(await seen.search(points(1)[0]?.vector ?? [], { limit: 3 })).toHaveLength(3)
    const empty = await db.collection('empty')
    expect(await empty.search(points(1)[0]?.vector ?? [])).toEqual([])
    expect(await failure(seen.upsert(points(1, 900)))).toBe('ANNULUS_READ_ONLY')
    expect(await failure(seen.delete(1))).toBe('ANNULUS_READ_ONLY')
    expect(await failure(db.collection('new', { dimension }))).toBe('ANNULUS_READ_ONLY')
    expect(await failure(db.dropCollection('c'))).toBe('ANNULUS_READ_ONLY')
    await seen.flush()
    await seen.optimize()
    await db.close()
    expect(await bytesOf(path)).toEqual(before)
  })

  it('can be backed up', async () => {
    const path = await directory()
    const writer = await openHere(path, storage)
    const collection = await writer.collection('c', { dimension })
    await collection.upsert(points(120))
    const reader = await open(path, { storage, readOnly: true })
    const before = await contents(collection)
    await collection.upsert(points(120, 0, 1))
    const target = await directory()
    expect(await reader.backup(target)).toMatchObject({ points: 120 })
    await reader.close()
    expect(await contents(await (await openHere(target, storage)).collection('c'))).toEqual(before)
  })

  it('is seen by the writer as long as it reads an older state', async () => {
    const path = join(await directory(), 'annulus.mdb')
    const store = await Store.open(path, nodeFileOps)
    const put = (value: number) =>
      store.commit(() => store.tables.meta.put('key', Buffer.from([value])))
    await put(1)
    const reader = await Store.open(path, nodeFileOps, { durability: 'sync', readOnly: true })
    expect(store.oldestReader()).toBeGreaterThanOrEqual(store.transaction)
    await put(2)
    expect(store.oldestReader()).toBeLessThan(store.transaction)
    expect(reader.tables.meta.getBinary('key')).toEqual(Buffer.from([1]))
    await reader.close()
    expect(store.oldestReader()).toBeGreaterThanOrEqual(store.transaction)
    await store.close()
  })

  it('must exist', async () => {
    const path = await directory()
    expect(await failure(open(path, { storage, readOnly: true }))).toBe('ANNULUS_NOT_FOUND')
    const missing = join(path, 'missing')
    expect(await failure(open(missing, { storage, readOnly: true }))).toBe('ANNULUS_NOT_FOUND')
    expect(await readdir(path)).toEqual([])
  })
})
