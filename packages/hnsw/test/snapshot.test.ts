import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AnnulusError, crc32c, Pool, type ScorerHandle } from '@annulus/native'
import type { Codes } from '@annulus/quantization'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { clumpedVectors, encode, range, row } from './points.js'

const dimension = 8
const count = 700
const vectors = clumpedVectors(count, dimension, 3)
const pageBytes = 4096
let pool: Pool
let codes: Codes
let index: HnswIndex
let directory: string
let path: string
let bytes: Buffer

beforeAll(async () => {
  pool = new Pool(2)
  codes = await encode(vectors, dimension, pool)
  directory = mkdtempSync(join(tmpdir(), 'annulus-hnsw-'))
  path = join(directory, 'graph')
  index = HnswIndex.create({ pool, scorer: codes.scorer(), m: 6, efConstruct: 32, seed: 5 })
  await index.insert(range(0, 650))
  index.remove(Uint32Array.of(4, 9, 660))
  await index.save(path)
  bytes = readFileSync(path)
})
afterAll(async () => {
  await index.close()
  codes.close()
  pool.close()
  rmSync(directory, { recursive: true })
})

function load(file: string): Promise<HnswIndex> {
  return HnswIndex.load(file, { pool, scorer: codes.scorer() })
}

async function outcome(file: string): Promise<string> {
  try {
    const loaded = await load(file)
    await loaded.close()
    return 'loaded'
  } catch (error) {
    return error instanceof AnnulusError ? error.code : String(error)
  }
}

async function outcomeOf(content: Uint8Array): Promise<string> {
  const file = join(directory, 'damaged')
  writeFileSync(file, content)
  return outcome(file)
}

interface Section {
  readonly entry: number
  readonly offset: number
  readonly length: number
}

function section(id: number): Section {
  for (let i = 0; i < bytes.readUInt32LE(52); i++) {
    const entry = 64 + 32 * i
    if (bytes.readUInt32LE(entry) !== id) continue
    return {
      entry,
      offset: Number(bytes.readBigUInt64LE(entry + 8)),
      length: Number(bytes.readBigUInt64LE(entry + 16)),
    }
  }
  throw new Error(`no section ${id}`)
}

/** The snapshot with a section changed and every checksum made right again. */
function forged(id: number, change: (content: Buffer) => void): Buffer {
  const forgery = Buffer.from(bytes)
  const { entry, offset, length } = section(id)
  const padded = forgery.subarray(offset, offset + Math.ceil(length / pageBytes) * pageBytes)
  change(padded.subarray(0, length))
  forgery.writeUInt32LE(crc32c(padded, id), entry + 4)
  forgery.writeUInt32LE(crc32c(forgery.subarray(0, pageBytes - 4)), pageBytes - 4)
  return forgery
}

describe('a snapshot', () => {
  it('gives the same answers and takes further insertions', async () => {
    const loaded = await load(path)
    expect(loaded.size).toBe(index.size)
    expect(await loaded.check()).toEqual(await index.check())
    for (let q = 0; q < 60; q++) {
      const query = row(vectors, dimension, q * 11)
      const options = { k: 12, ef: 24 }
      expect(await loaded.search(query, options)).toEqual(await index.search(query, options))
    }
    expect([3, 4, 660, 661].map((slot) => loaded.contains(slot))).toEqual([
      true,
      false,
      false,
      false,
    ])
    await loaded.insert(range(661, count))
    expect(await loaded.check()).toMatchObject({ violations: 0, nodes: 650 + count - 661 })
    await expect(loaded.insert(Uint32Array.of(660))).rejects.toThrow(/removed/)
    await loaded.close()
  })

  it('of an empty graph loads', async () => {
    const empty = HnswIndex.create({ pool, scorer: codes.scorer() })
    const file = join(directory, 'empty')
    await empty.save(file)
    const loaded = await load(file)
    expect(loaded.size).toBe(0)
    await loaded.insert(range(0, 20))
    expect(loaded.size).toBe(20)
    await loaded.close()
    await empty.close()
  })

  it('is the same file for the same graph', async () => {
    const loaded = await load(path)
    const again = join(directory, 'again')
    await loaded.save(again)
    expect(readFileSync(again).equals(bytes)).toBe(true)
    await loaded.close()
  })

  it('is refused when slots have no code', async () => {
    const fewer = await encode(vectors.subarray(0, 100 * dimension), dimension, pool)
    const loading = HnswIndex.load(path, { pool, scorer: fewer.scorer() })
    await expect(loading).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT' })
    fewer.close()
  })

  it('is read while the codes are still on their way, and fails as they do', async () => {
    let arrive: (scorer: ScorerHandle) => void = () => {}
    const late = new Promise<ScorerHandle>((resolve) => {
      arrive = resolve
    })
    const loading = HnswIndex.load(path, { pool, scorer: late })
    const failing = HnswIndex.load(join(directory, 'nowhere'), { pool, scorer: late })
    failing.catch(() => {})
    arrive(codes.scorer())
    const loaded = await loading
    expect(await loaded.check()).toEqual(await index.check())
    await loaded.close()
    await expect(failing).rejects.toMatchObject({ code: 'ANNULUS_NOT_FOUND' })
    const lost = Promise.reject(new Error('no codes'))
    await expect(HnswIndex.load(path, { pool, scorer: lost })).rejects.toThrow('no codes')
  })

  it('that is missing, or in a missing directory, is a typed error', async () => {
    expect(await outcome(join(directory, 'nowhere'))).toBe('ANNULUS_NOT_FOUND')
    const saving = index.save(join(directory, 'no', 'such', 'directory'))
    await expect(saving).rejects.toMatchObject({ code: 'ANNULUS_NOT_FOUND' })
  })

  it('leaves the old file when saving is aborted', async () => {
    const controller = new AbortController()
    controller.abort(new Error('enough'))
    await expect(index.save(path, { signal: controller.signal })).rejects.toThrow('aborted')
    expect(readFileSync(path).equals(bytes)).toBe(true)
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

describe('damage', () => {
  it('of any one bit is noticed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (at, bit) => {
        const damaged = Buffer.from(bytes)
        damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
        expect(['ANNULUS_CORRUPT', 'ANNULUS_VERSION']).toContain(await outcomeOf(damaged))
      }),
      { numRuns: 150 },
    )
  })

  it('by truncation at any length is noticed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        expect(await outcomeOf(bytes.subarray(0, length))).toBe('ANNULUS_CORRUPT')
      }),
      { numRuns: 80, examples: [[0], [pageBytes], [bytes.length - 1]] },
    )
  })

  // Section 1: m, efConstruct, seed, slots, linked, removed, entry slot, entry level.
  it.each<[string, number, (content: Buffer) => void]>([
    ['m is 0', 1, (c) => c.writeUInt32LE(0, 0)],
    ['m is huge', 1, (c) => c.writeUInt32LE(0x40000000, 0)],
    ['the seed is another', 1, (c) => c.writeUInt8(c.readUInt8(8) ^ 1, 8)],
    ['there are more slots than codes', 1, (c) => c.writeBigUInt64LE(2n ** 31n - 1n, 16)],
    ['there are 2^63 slots', 1, (c) => c.writeBigUInt64LE(2n ** 63n, 16)],
    ['there is a slot less', 1, (c) => c.writeBigUInt64LE(c.readBigUInt64LE(16) - 1n, 16)],
    ['the count of nodes is off', 1, (c) => c.writeBigUInt64LE(1n, 24)],
    ['the count of removed is off', 1, (c) => c.writeBigUInt64LE(1n, 32)],
    ['the entry point is out of range', 1, (c) => c.writeUInt32LE(count, 40)],
    ['the entry point has no links', 1, (c) => c.writeUInt32LE(655, 40)],
    ['the entry level is too high', 1, (c) => c.writeUInt32LE(14, 44)],
    ['a state is unknown', 2, (c) => c.writeUInt8(9, 0)],
    ['a slot is still being linked', 2, (c) => c.writeUInt8(1, 0)],
    ['a node is gone', 2, (c) => c.writeUInt8(0, 0)],
    ['a level is wrong', 3, (c) => c.writeUInt8(c.readUInt8(1) + 1, 1)],
    ['a link is out of range', 4, (c) => c.writeUInt32LE(count + 1, 0)],
    ['a link is far out of range', 4, (c) => c.writeUInt32LE(0xffffffff, 0)],
    ['a link leads to itself', 4, (c) => c.writeUInt32LE(1, 0)],
    ['a link leads to an empty slot', 4, (c) => c.writeUInt32LE(655, 0)],
    ['a list has a hole', 4, (c) => c.writeUInt32LE(0, 0)],
    ['an empty slot has links', 4, (c) => c.writeUInt32LE(1, 655 * 12 * 4)],
    ['a link comes twice', 4, (c) => c.writeUInt32LE(c.readUInt32LE(0), 4)],
    ['an upper link is out of range', 5, (c) => c.writeUInt32LE(count + 1, 0)],
    ['an upper link leads below its level', 5, (c) => c.writeUInt32LE(lowSlot() + 1, 0)],
  ])('with right checksums is noticed: %s', async (_, id, change) => {
    expect(await outcomeOf(forged(id, change))).toBe('ANNULUS_CORRUPT')
  })

  it('forged without a change is none', async () => {
    expect(await outcomeOf(forged(4, () => {}))).toBe('loaded')
  })
})

/** A slot without upper levels. */
function lowSlot(): number {
  const { offset, length } = section(3)
  return bytes.subarray(offset, offset + length).indexOf(0)
}
