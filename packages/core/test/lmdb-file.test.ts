// What becomes of LMDB's file when its creation was cut off, or cannot be begun.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memoryStorage, nodeFileOps } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { open } from '../src/index.js'
import { directory, failure } from './world.js'

const pageBytes = 4096
const transactionAt = 24 + 128
const storage = memoryStorage()

/** A meta page as LMDB makes it before there is a commit. */
async function firstPage(): Promise<Buffer> {
  const path = await directory()
  await using _ = await open(path, { storage })
  const page = (await readFile(join(path, 'annulus.mdb'))).subarray(0, pageBytes)
  page.writeBigUInt64LE(0n, transactionAt)
  return page
}

const zeros = Buffer.alloc(pageBytes)
const half = (page: Buffer) => Buffer.concat([page.subarray(0, 512), zeros.subarray(512)])

/** What a power cut may leave of a file that LMDB was creating. */
async function leftovers(): Promise<Buffer[]> {
  const page = await firstPage()
  const pages = [zeros, page, half(page)]
  const files = pages.flatMap((first) => pages.map((second) => Buffer.concat([first, second])))
  return [
    ...files,
    page,
    zeros.subarray(0, 100),
    Buffer.concat([zeros, zeros, zeros, page]),
    Buffer.concat([page, zeros, Buffer.alloc(3 * pageBytes, 7)]),
  ]
}

describe('a file of LMDB', () => {
  it('whose creation was cut off is begun again', async () => {
    for (const left of await leftovers()) {
      const path = await directory()
      await writeFile(join(path, 'annulus.mdb'), left)
      expect(await failure(open(path, { storage, readOnly: true }))).toBe('ANNULUS_CORRUPT')
      await using db = await open(path, { storage })
      const collection = await db.collection('c', { dimension: 2 })
      await collection.upsert({ id: 1, vector: [1, 2] })
      expect(collection.size).toBe(1)
    }
  })

  it('that looks so is left alone once there are collections', async () => {
    const all = await leftovers()
    // LMDB itself decides about two pages that are in order.
    const lacking = all.filter((left) => left.readUInt8(24) === 0 || left.length <= pageBytes)
    expect(lacking.length).toBeGreaterThan(3)
    for (const left of lacking) {
      const path = await directory()
      await mkdir(join(path, 'collections'))
      await writeFile(join(path, 'annulus.mdb'), left)
      expect(await failure(open(path, { storage }))).toBe('ANNULUS_CORRUPT')
      expect(await readFile(join(path, 'annulus.mdb'))).toEqual(left)
    }
  })

  it('that nothing can be written to is not begun', async () => {
    const path = await directory()
    const full = Object.assign(new Error('ENOSPC'), { code: 'ANNULUS_FULL' })
    const files = {
      ...nodeFileOps,
      open: async (name: string, mode: Parameters<typeof nodeFileOps.open>[1]) => {
        const file = await nodeFileOps.open(name, mode)
        if (!name.includes('annulus.mdb')) return file
        return Object.assign(file, { write: () => Promise.reject(full) })
      },
    }
    await expect(open(path, { storage, files })).rejects.toBe(full)
    expect(await readdir(path)).not.toContain('annulus.mdb')
    await using db = await open(path, { storage })
    expect(await readdir(path)).not.toContain('annulus.mdb.tmp')
    expect(await db.verify()).toMatchObject({ ok: true })
  })
})
