import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { preadStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { type Collection, open } from '../src/index.js'
import { copyOf, directory, openHere, vectors } from './world.js'

const dimension = 16
const count = 600
const all = vectors(count, dimension)
const settings = { codesFrom: 100, graphFrom: 200 }

/** A database with a saved index, and the answers it gives. */
async function saved(): Promise<{ path: string; answers: unknown }> {
  const path = await directory()
  const db = await open(path, { storage: preadStorage(), threads: 1 })
  const collection = await db.collection('c', { dimension, ...settings })
  await collection.upsert(all.map((vector, id) => ({ id: id % 2 === 0 ? id : `s${id}`, vector })))
  await collection.delete([0, 's1', 2])
  await collection.waitForIndex()
  const answers = await ask(collection)
  await db.close()
  return { path, answers }
}

function ask(collection: Collection): Promise<unknown> {
  return collection.searchBatch(all.slice(0, 8), { limit: 5 })
}

const filesOf = async (path: string) =>
  (await readdir(join(path, 'collections', '1'))).filter((name) => name.endsWith('.snap'))

/** Opens and tells what had to be rebuilt and whether anything was trained. */
async function reopened(path: string) {
  const db = await openHere(path, preadStorage(), 1)
  const rebuilt: string[] = []
  let trained = false
  db.on('rebuilt', ({ file, reason }) => rebuilt.push(`${file.split('/').at(-1)} ${reason.code}`))
  db.on('indexing', ({ phase }) => {
    trained ||= phase === 'training'
  })
  const collection = await db.collection('c', settings)
  const early = await ask(collection)
  await collection.waitForIndex()
  return { db, collection, rebuilt, early, isTrained: () => trained }
}

describe('the saved index', () => {
  it('answers as before after reopening, and is not built again', async () => {
    const { path, answers } = await saved()
    expect(await filesOf(path)).toHaveLength(3)
    const { collection, rebuilt, early, isTrained } = await reopened(path)
    expect(early).toEqual(answers)
    expect(collection.size).toBe(count - 3)
    expect(collection.stats().index).toMatchObject({ encoded: count, linked: count, backlog: 0 })
    expect(rebuilt).toEqual([])
    expect(isTrained()).toBe(false)
  })

  it.each(['slots', 'codes', 'graph'])(
    'is rebuilt where %s is damaged, cut off or missing',
    async (part) => {
      const { path, answers } = await saved()
      const damages: ((file: string, bytes: Buffer) => Promise<void>)[] = [
        (file) => rm(file),
        (file, bytes) => truncate(file, bytes.length >> 1),
        (file, bytes) => {
          const position = Math.floor(bytes.length * 0.4)
          bytes[position] = (bytes[position] ?? 0) ^ 4
          return writeFile(file, bytes)
        },
      ]
      for (const [index, damage] of damages.entries()) {
        const copy = await copyOf(path)
        const name = (await filesOf(copy)).find((each) => each.startsWith(part))
        const file = join(copy, 'collections', '1', name ?? 'none')
        await damage(file, await readFile(file))
        const { db, collection, rebuilt, early } = await reopened(copy)
        expect(rebuilt).toEqual([
          `${name} ${index === 0 ? 'ANNULUS_NOT_FOUND' : 'ANNULUS_CORRUPT'}`,
        ])
        // Right at once, from what is intact; and in the same way as before once it is built again.
        for (const found of [early, await ask(collection)])
          expect(idsOf(found)).toEqual(idsOf(answers))
        await db.close()
        const healed = await reopened(copy)
        expect(healed.rebuilt).toEqual([])
        expect(idsOf(healed.early)).toEqual(idsOf(answers))
        await healed.db.close()
      }
    },
  )

  it('of another collection or another state is not taken for its own', async () => {
    const { path } = await saved()
    const names = await filesOf(path)
    const old = names.find((name) => name.startsWith('slots')) ?? ''
    const before = await readFile(join(path, 'collections', '1', old))
    const first = await reopened(path)
    await first.collection.upsert({ id: 'new', vector: all[0] ?? [] })
    await first.collection.flush()
    await first.db.close()
    const current = (await filesOf(path)).find((name) => name.startsWith('slots')) ?? ''
    await writeFile(join(path, 'collections', '1', current), before)
    const second = await reopened(path)
    expect(second.rebuilt).toEqual([`${current} ANNULUS_CORRUPT`])
    expect(second.collection.size).toBe(count - 2)
    expect(await second.collection.has('new')).toBe(true)
  })

  it('plus the changes since give the last commit after a crash', async () => {
    const { path } = await saved()
    const db = await openHere(path, preadStorage(), 1)
    const collection = await db.collection('c', settings)
    const more = vectors(50, dimension, 9)
    await collection.upsert(more.map((vector, index) => ({ id: 10_000 + index, vector })))
    await collection.delete([4, 's5', 10_003])
    await collection.upsert({ id: 6, vector: more[0] ?? [] })
    const { collection: crashed, rebuilt, isTrained } = await reopened(await copyOf(path))
    expect(rebuilt).toEqual([])
    expect(crashed.size).toBe(count - 3 + 50 - 3)
    expect(await crashed.get([4, 10_003, 10_004].map(Number))).toEqual([
      undefined,
      undefined,
      { id: 10_004 },
    ])
    expect(isTrained()).toBe(false)
    for (const [index, query] of more.entries()) {
      const [best] = await crashed.search(query, { limit: 1 })
      if (index > 0 && index !== 3) expect(best?.id).toBe(10_000 + index)
    }
  })

  it('leaves no files of an interrupted attempt behind', async () => {
    const { path } = await saved()
    for (const name of ['codes.99.snap', 'graph.99.snap', 'slots.99.snap']) {
      await writeFile(join(path, 'collections', '1', name), 'half')
    }
    const { db, collection } = await reopened(path)
    await collection.upsert({ id: 'x', vector: all[3] ?? [] })
    await collection.flush()
    await db.close()
    const names = await filesOf(path)
    expect(names).toHaveLength(3)
    expect(names.some((name) => name.includes('99'))).toBe(false)
  })
})

function idsOf(found: unknown): unknown {
  if (!Array.isArray(found)) return found
  return found.map((hits: { id: unknown }[]) => hits.map(({ id }) => id))
}
