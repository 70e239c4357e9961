// Codes that the collection picks itself: said in stats and events, kept at reopening, changed when outgrown.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { auto } from '@annulus/quantization'
import { expect, it } from 'vitest'
import { directory, lastingMemory, openHere, vectors } from './world.js'

const dimension = 32
const points = vectors(900, dimension).map((vector, id) => ({ id, vector }))
const tuning = { codesFrom: 50, graphFrom: 200 }
// Room for 436 vectors as floats, 128 bytes each, beside 4 KiB; for 1,552 of 36 bytes.
const quantization = auto({ memoryBytes: 60_000 })

it('a collection picks codes, says why, keeps them when reopened and picks again when they are outgrown', async () => {
  const path = await directory()
  const storage = lastingMemory()
  const db = await openHere(path, storage)
  const collection = await db.collection('c', { dimension, quantization, ...tuning })
  expect(collection.stats().index).toMatchObject({ codes: undefined, reason: undefined })
  const told: unknown[] = []
  collection.on('indexed', (index) => told.push(index))
  await collection.upsert(points.slice(0, 400))
  await collection.waitForIndex()
  const picked = collection.stats().index
  expect(picked).toMatchObject({ codes: 'none', linked: 400 })
  expect(picked.reason).toMatch(/vectors of 32 components \(cosine\): none takes .* \(asked\)/)
  expect(told.at(-1)).toEqual({ points: 400, codes: 'none', reason: picked.reason })
  await db.close()

  const again = await openHere(path, storage)
  const reopened = await again.collection('c', tuning)
  expect(reopened.stats().index).toEqual(picked)
  await reopened.upsert(points)
  await reopened.waitForIndex()
  const { index, memory } = reopened.stats()
  expect(index).toMatchObject({ codes: 'scalar', settings: {} })
  expect(index.reason).toMatch(/: scalar takes .*; too large: none/)
  expect(memory.codes).toBeLessThanOrEqual(60_000)
  expect((await reopened.search(points[7]?.vector ?? [], { exact: true }))[0]?.id).toBe(7)
  await again.close()
})

it('codes whose file is lost are made anew as they were picked', async () => {
  const path = await directory()
  const storage = lastingMemory()
  const db = await openHere(path, storage)
  const collection = await db.collection('c', { dimension, quantization, ...tuning })
  await collection.upsert(points.slice(0, 300))
  await collection.waitForIndex()
  const { codes, reason } = collection.stats().index
  await db.close()
  await rm(join(path, 'collections', '1', 'codes.1.snap'))

  const again = await openHere(path, storage)
  const rebuilt: unknown[] = []
  again.on('rebuilt', (event) => rebuilt.push(event))
  const reopened = await again.collection('c', tuning)
  await reopened.waitForIndex()
  expect(rebuilt).toHaveLength(1)
  expect(reopened.stats().index).toMatchObject({ codes, reason, linked: 300 })
})
