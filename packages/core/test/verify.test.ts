import { open as openFile, readdir, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { preadStorage } from '@annulus/storage'
import { open as openLmdb } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { open, repair } from '../src/index.js'
import { directory, failure, openHere, vectors } from './world.js'

const dimension = 8
const settings = { dimension, codesFrom: 50, graphFrom: 100, indexedFields: ['kind'] }
const storage = preadStorage({ segmentBytesMax: 8_192 })
const stride = dimension * 4
const slotsPerSegment = 4096 / stride

const points = (count: number) =>
  vectors(count, dimension).map((vector, id) => ({ id, vector, payload: { kind: id % 3 } }))

/** A closed database of 300 points in three segments, and a second, empty collection. */
async function filled(): Promise<string> {
  const path = await directory()
  await using db = await open(path, { storage })
  const collection = await db.collection('c', settings)
  await collection.upsert(points(300))
  await collection.delete([290, 291])
  await collection.waitForIndex()
  await collection.flush()
  await db.collection('empty', { dimension })
  return path
}

async function damageVector(path: string, slot: number): Promise<string> {
  const number = Math.floor(slot / slotsPerSegment)
  const name = join(path, `collections/1/vectors/vectors-00000${number}.seg`)
  const file = await openFile(name, 'r+')
  await file.write(Buffer.from([7]), 0, 1, 4096 + (slot % slotsPerSegment) * stride + 3)
  await file.close()
  return name
}

/** Changes the record of a slot behind our back. */
async function damageRecord(
  path: string,
  slot: number,
  change: (record: Buffer) => Buffer | undefined,
) {
  const root = openLmdb({ path: join(path, 'annulus.mdb'), noSubdir: true, maxDbs: 8 })
  const table = root.openDB<Buffer, number>('points', { encoding: 'binary' })
  const key = 2 ** 32 + slot
  const record = change(Buffer.from(table.get(key) ?? Buffer.alloc(0)))
  await root.batch(() => {
    if (record === undefined) void table.remove(key)
    else void table.put(key, record)
  })
  await root.close()
}

const verified = async (path: string, readOnly = false) => {
  await using db = await open(path, { storage, readOnly })
  return await db.verify()
}

describe('verifying', () => {
  it('finds nothing in a sound database, open, closed or only read', async () => {
    const path = await filled()
    const sound = { ok: true, collections: 2, points: 298, damage: [] }
    expect(await verified(path)).toEqual(sound)
    expect(await verified(path, true)).toEqual(sound)
    const db = await openHere(path, storage)
    await db.collection('c')
    const steps: number[] = []
    expect(await db.verify({ progress: ({ done }) => void steps.push(done) })).toEqual(sound)
    expect(steps.at(-1)).toBe(298)
  })

  it('names every damaged vector, with its file and its id', async () => {
    const path = await filled()
    const files = [await damageVector(path, 5), await damageVector(path, 200)]
    await damageVector(path, 290) // dead: nobody reads it
    const { ok, points: intact, damage } = await verified(path)
    expect({ ok, intact }).toEqual({ ok: false, intact: 296 })
    expect(damage).toMatchObject([
      { collection: 'c', part: 'vector', slot: 5, id: 5, file: files[0] },
      { collection: 'c', part: 'vector', slot: 200, id: 200, file: files[1] },
    ])
  })

  it('names damaged and missing records', async () => {
    const path = await filled()
    await damageRecord(path, 7, (record) => {
      record[9] = (record[9] ?? 0) ^ 1
      return record
    })
    await damageRecord(path, 8, () => undefined)
    const { damage } = await verified(path)
    expect(damage).toMatchObject([
      { part: 'record', slot: 7 },
      { part: 'record' },
      { part: 'id', slot: 8, id: 8 },
    ])
  })

  it('names damaged derived files and a missing segment', async () => {
    const path = await filled()
    const collection = join(path, 'collections/1')
    const names = (await readdir(collection)).filter((name) => name.endsWith('.snap'))
    expect(names).toHaveLength(3)
    for (const name of names.filter((each) => !each.startsWith('codes'))) {
      const file = await openFile(join(collection, name), 'r+')
      await file.write(Buffer.from([1, 2, 3]), 0, 3, 70)
      await file.close()
    }
    expect((await verified(path, true)).damage).toMatchObject([
      { part: 'index', file: expect.stringMatching(/slots/) },
      { part: 'index', file: expect.stringMatching(/graph/) },
    ])
    await rm(join(collection, 'vectors/vectors-000001.seg'))
    const { damage } = await verified(path, true)
    expect(damage).toMatchObject(
      [{ collection: 'c', part: 'vector', file: /000001.seg/ }].map((each) => ({
        ...each,
        file: expect.stringMatching(each.file),
      })),
    )
  })
})

describe('repairing', () => {
  it('keeps everything that is intact and lists the rest', async () => {
    const path = await filled()
    await damageVector(path, 5)
    await damageRecord(path, 7, (record) => record.subarray(0, 6))
    await damageRecord(path, 8, () => undefined)
    await rm(join(path, 'collections/1/vectors/vectors-000001.crc'))
    await truncate(join(path, 'collections/1/vectors/vectors-000002.seg'), 4096 + 10 * stride)
    const target = join(await directory(), 'repaired')
    const report = await repair(path, target, { storage })
    const cut = 2 * slotsPerSegment + 10
    const kept = points(300).filter(({ id }) =>
      id < slotsPerSegment ? ![5, 7, 8].includes(id) : id >= 2 * slotsPerSegment && id < cut,
    )
    expect(report).toMatchObject({ path: target, collections: 2, points: kept.length })
    const lost = report.lost.map(({ id, slot }) => id ?? slot)
    const gone = points(290)
      .map(({ id }) => id)
      .filter((id) => !kept.some((point) => point.id === id))
    expect([...new Set(lost)].sort((a, b) => Number(a) - Number(b))).toEqual([
      ...gone,
      ...points(300)
        .map(({ id }) => id)
        .filter((id) => id >= 292),
    ])
    const db = await openHere(target, storage)
    expect(await db.verify()).toMatchObject({ ok: true, points: kept.length })
    const collection = await db.collection('c', settings)
    await collection.waitForIndex()
    for (const { id, vector, payload } of kept) {
      const found = await collection.get(id, { withVector: true })
      expect(found).toEqual({ id, payload, vector: Float32Array.from(vector) })
    }
    expect(await collection.count({ filter: { kind: 1 } })).toBe(
      kept.filter(({ payload }) => payload.kind === 1).length,
    )
    await collection.upsert(points(10))
  })

  it('reads the damaged one only, and refuses a target that holds anything', async () => {
    const path = await filled()
    expect(await failure(repair(path, path, { storage }))).toBe('ANNULUS_EXISTS')
    expect(await failure(repair(await directory(), path, { storage }))).toBe('ANNULUS_NOT_FOUND')
    expect(await verified(path)).toMatchObject({ ok: true })
  })
})
