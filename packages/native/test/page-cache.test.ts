import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { dropPageCache, fileIsResident, Pool } from '../src/index.js'

const pool = new Pool(1)
let directory: string
let path: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'annulus-page-cache-'))
  path = join(directory, 'file')
  const file = openSync(path, 'w')
  writeSync(file, Buffer.alloc((20 << 20) + 1, 1))
  fsyncSync(file)
  closeSync(file)
})

afterAll(() => {
  pool.close()
  rmSync(directory, { recursive: true })
})

describe('fileIsResident', () => {
  it('is false where there is no file, true where there is nothing in it', async () => {
    expect(await fileIsResident(pool, join(directory, 'none'))).toBe(false)
    const empty = join(directory, 'empty')
    closeSync(openSync(empty, 'w'))
    expect(await fileIsResident(pool, empty)).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')('tells what was read from what was dropped', async () => {
    readFileSync(path)
    expect(await fileIsResident(pool, path)).toBe(true)
    dropPageCache(path)
    expect(await fileIsResident(pool, path)).toBe(false)
    readFileSync(path)
    expect(await fileIsResident(pool, path)).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')('reads ahead as much as it may', async () => {
    dropPageCache(path)
    expect(await fileIsResident(pool, path, 1 << 20)).toBe(false)
    expect(await fileIsResident(pool, path)).toBe(false)
    await vi.waitUntil(() => fileIsResident(pool, path, 8 << 20))
  })

  it('refuses what is no number of bytes', () => {
    for (const bytes of [-1, 2 ** 31, Number.NaN]) {
      expect(() => fileIsResident(pool, path, bytes)).toThrow(/ahead/)
    }
  })
})
