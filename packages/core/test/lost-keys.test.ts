// LMDB has no checksums of its pages: one wrong bit can lose a key or make another one of it. Every answer is then an
// error or the right one.

import { join } from 'node:path'
import { preadStorage } from '@annulus/storage'
import { type Key, open as openLmdb } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { AnnulusError, open, type PointId } from '../src/index.js'
import { copyOf, directory, vectors } from './world.js'

const dimension = 4
const storage = preadStorage()
const settings = {
  dimension,
  indexedFields: ['kind'],
  codesFrom: 10,
  graphFrom: 20,
  reclaimFrom: 1,
}
const ids: PointId[] = Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? i : `id ${i}`))
const places = vectors(40, dimension)
const pointOf = (number: number, kind: number) => ({
  id: ids[number] ?? 0,
  vector: places[number] ?? [],
  payload: { kind, number },
})

/** Points of both kinds of ids, some replaced and removed, some of that after the last snapshot. */
async function filled(): Promise<string> {
  const path = await directory()
  await using db = await open(path, { storage })
  const collection = await db.collection('c', settings)
  await collection.upsert(ids.map((_, number) => pointOf(number, number % 3)))
  await collection.delete(ids.slice(25))
  await collection.waitForIndex()
  await collection.flush()
  await collection.upsert([3, 4, 26].map((number) => pointOf(number, 1)))
  await collection.upsert([5, 6].map((number) => pointOf(number, 2)))
  await collection.delete(ids.slice(7, 9))
  await collection.waitForIndex()
  // As a crash leaves it: closing would save what changed since.
  return await copyOf(path)
}

/** All that a database says, each answer or the code of its error. */
async function answers(path: string): Promise<string[]> {
  const said: string[] = []
  const ask = async (what: string, question: () => Promise<unknown>) => {
    try {
      said.push(`${what}: ${JSON.stringify(await question())}`)
    } catch (error) {
      if (!(error instanceof AnnulusError)) throw error
      said.push(error.code)
    }
  }
  await ask('opening', async () => {
    await using db = await open(path, { storage })
    const collection = await db.collection('c')
    for (const id of [...ids, 'never']) {
      await ask(`get ${id}`, () => collection.get(id, { withVector: true }))
      await ask(`has ${id}`, () => collection.has(id))
    }
    for (const kind of [0, 1, 2, 3]) {
      const filter = { kind }
      await ask(`kind ${kind}`, () => collection.count({ filter }))
      await ask(`found ${kind}`, () => collection.search(places[31] ?? [], { filter, exact: true }))
    }
    await ask('numbers', () => collection.count({ filter: { number: { gte: 0 } } }))
    await ask('search', () => collection.search(places[30] ?? [], { withPayload: false }))
    await ask('all', async () => {
      const all: PointId[] = []
      for await (const { id } of collection.points()) all.push(id)
      return all.map(String).sort()
    })
    return collection.size
  })
  return said
}

type Change = (key: Key) => Key | undefined

/** Another key in the place of the `number`th of a table, or none. False when the table has fewer. */
async function changeKey(path: string, table: string, number: number, change: Change) {
  const root = openLmdb({ path: join(path, 'annulus.mdb'), noSubdir: true, maxDbs: 8 })
  const binary = table === 'ids' || table === 'fields' ? { keyEncoding: 'binary' as const } : {}
  const database = root.openDB<Buffer, Key>(table, { encoding: 'binary', ...binary })
  const entry = Array.from(database.getRange({ offset: number, limit: 1 }))[0]
  if (entry !== undefined) {
    const changed = change(Buffer.isBuffer(entry.key) ? Buffer.from(entry.key) : entry.key)
    const value = Buffer.from(entry.value)
    await root.batch(() => {
      void database.remove(entry.key)
      if (changed !== undefined) void database.put(changed, value)
    })
  }
  await root.close()
  return entry !== undefined
}

const another: Change = (key) => {
  if (typeof key === 'number') return key ^ 1 || 64
  if (Buffer.isBuffer(key)) {
    key[key.length - 1] = (key.at(-1) ?? 0) ^ 64
    return key
  }
  if (!Array.isArray(key)) return `${String(key)}x`
  return [...key.slice(0, -1), typeof key.at(-1) === 'number' ? Number(key.at(-1)) + 4 : 'x']
}

describe.each([
  ['is lost', () => undefined],
  ['turns into another', another],
] as [string, Change][])('a key of LMDB that %s', (_, change) => {
  it.each([
    ['meta', 1],
    ['changes', 1],
    ['fields', 1],
    ['ids', 5],
    ['points', 5],
  ])('in table %s is noticed or changes nothing', async (table, step) => {
    const path = await filled()
    const sound = await answers(await copyOf(path))
    expect(sound.filter((answer) => answer.startsWith('ANNULUS'))).toEqual([])
    let noticed = 0
    let number = 0
    for (; ; number += step) {
      const copy = await copyOf(path)
      if (!(await changeKey(copy, table, number, change))) break
      const said = await answers(copy)
      const opened = said.length === sound.length
      const wrong = said.filter(
        (each, i) => each !== 'ANNULUS_CORRUPT' && opened && each !== sound[i],
      )
      expect(wrong, `key ${number}`).toEqual([])
      if (!opened) expect(said).toEqual(['ANNULUS_CORRUPT'])
      if (said.includes('ANNULUS_CORRUPT')) noticed++
    }
    expect(number).toBeGreaterThan(2)
    // Without a change the table of slots is made from the records, and the answers are the same.
    if (table !== 'changes') expect(noticed).toBeGreaterThan(1)
  })
})
