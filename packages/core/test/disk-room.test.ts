import { type FileOps, nodeFileOps } from '@annulus/storage'
import { expect, it } from 'vitest'
import { open } from '../src/index.js'
import { directory, lastingMemory, vectors } from './world.js'

const mebibyte = 1 << 20

it('refuses writes while the disk is full, before anything changes, and goes on by itself', async () => {
  let free = 100 * mebibyte
  const files: FileOps = { ...nodeFileOps, freeBytes: async () => free }
  const db = await open(await directory(), { storage: lastingMemory(), files })
  const collection = await db.collection('c', { dimension: 8, metric: 'dot' })
  const [first, second, third] = vectors(3, 8, 1)
  await collection.upsert({ id: 1, vector: first ?? [] })
  free = 10 * mebibyte
  await expect(collection.upsert({ id: 2, vector: second ?? [] })).rejects.toMatchObject({
    code: 'ANNULUS_FULL',
    details: { free },
  })
  expect(collection.size).toBe(1)
  expect(await collection.search(first ?? [], { limit: 5 })).toHaveLength(1)
  // Removing is how to make room.
  expect(await collection.delete([1])).toMatchObject({ removed: 1 })
  free = mebibyte
  await expect(collection.delete([2])).rejects.toMatchObject({ code: 'ANNULUS_FULL' })
  free = 100 * mebibyte
  expect(await collection.upsert({ id: 3, vector: third ?? [] })).toMatchObject({ inserted: 1 })
  await db.close()
})

it('does not mind a disk that does not tell', async () => {
  const files: FileOps = { ...nodeFileOps, freeBytes: async () => undefined }
  const db = await open(await directory(), { storage: lastingMemory(), files })
  const collection = await db.collection('c', { dimension: 2, metric: 'dot' })
  expect(await collection.upsert({ id: 1, vector: [1, 2] })).toMatchObject({ inserted: 1 })
  await db.close()
})
