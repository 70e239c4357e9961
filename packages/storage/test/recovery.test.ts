// What open makes of directories that something happened to. In memory, so that thousands are cheap.
import { AnnulusError } from '@annulus/native'
import { describe, expect, it } from 'vitest'
import { segmentBytesFor } from '../src/conformance/site.js'
import { firstSlots, vectorAt, vectorsOf } from '../src/conformance/vectors.js'
import { layoutOf, pageBytes } from '../src/layout.js'
import { preadStorage } from '../src/pread.js'
import { VolatileFiles } from './volatile-files.js'

const path = '/vectors'
const dimension = 32
const segmentBytesMax = segmentBytesFor(dimension, 8)
const layout = layoutOf(dimension, segmentBytesMax)
const count = 2 * layout.slotsPerSegment + 5
const vectors = vectorsOf(count, dimension)
const segment = (number: number) => `${path}/vectors-00000${number}.seg`
const checksums = (number: number) => `${path}/vectors-00000${number}.crc`

async function filled(): Promise<VolatileFiles> {
  const files = new VolatileFiles()
  const storage = await preadStorage({ files, segmentBytesMax }).open({ path, dimension })
  await storage.write(0, vectors)
  await storage.flush()
  await storage.close()
  return files
}

function open(files: VolatileFiles, slots?: number) {
  const options = { path, dimension, ...(slots !== undefined && { slots }) }
  return preadStorage({ files, segmentBytesMax }).open(options)
}

/** The outcome of opening: how many slots, or the code and the file of the error. */
async function outcome(files: VolatileFiles, slots?: number): Promise<number | string> {
  try {
    const storage = await open(files, slots)
    await storage.close()
    return storage.slots
  } catch (error) {
    if (!(error instanceof AnnulusError)) throw error
    return `${error.code} ${error.details['path']}`
  }
}

function flip(files: VolatileFiles, name: string, bit: number): void {
  const bytes = files.bytes(name).slice()
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  files.setBytes(name, bytes)
}

describe('damage to headers', () => {
  it('is found at open, bit by bit, and names the file', async () => {
    const files = await filled()
    // Every field, and some of the reserved rest; header.test.ts flips every bit of the page.
    const bits = Array.from({ length: 56 * 8 }, (_, bit) => bit)
    bits.push(56 * 8, 2000 * 8 + 3, 4091 * 8 + 7, 4092 * 8, 4095 * 8 + 7)
    for (const name of [segment(0), segment(2), checksums(0), checksums(2)]) {
      for (const bit of bits) {
        flip(files, name, bit)
        expect(await outcome(files, count), `bit ${bit}`).toBe(`ANNULUS_CORRUPT ${name}`)
        flip(files, name, bit)
      }
    }
    expect(await outcome(files, count)).toBe(count)
  })

  it('is found when files of two stores are mixed', async () => {
    const [files, others] = [await filled(), await filled()]
    for (const name of [segment(1), checksums(0), checksums(2)]) {
      const own = files.bytes(name)
      files.setBytes(name, others.bytes(name))
      expect(await outcome(files, count)).toBe(`ANNULUS_CORRUPT ${name}`)
      files.setBytes(name, own)
    }
  })

  it('is found when two segments are exchanged', async () => {
    const files = await filled()
    const [first, second] = [files.bytes(segment(0)), files.bytes(segment(1))]
    files.setBytes(segment(0), second)
    files.setBytes(segment(1), first)
    expect(await outcome(files, count)).toBe(`ANNULUS_CORRUPT ${segment(0)}`)
  })
})

describe('damage to vectors and checksums', () => {
  it('is found on reading, bit by bit, and costs one slot', async () => {
    const files = await filled()
    const storage = await open(files, count)
    for (let bit = 0; bit < layout.slotsPerSegment * layout.stride * 8; bit += 3) {
      const slot = Math.floor(bit / (layout.stride * 8))
      flip(files, segment(0), pageBytes * 8 + bit)
      const code = await storage.read(Uint32Array.of(slot)).catch((error) => error.code)
      if (code !== 'ANNULUS_CORRUPT') expect.fail(`bit ${bit} was not noticed`)
      flip(files, segment(0), pageBytes * 8 + bit)
    }
    await storage.close()
    for (let bit = 0; bit < 5 * 32; bit++) {
      flip(files, checksums(2), pageBytes * 8 + bit)
      const reopened = await open(files, count)
      const slot = 2 * layout.slotsPerSegment + (bit >> 5)
      const error = await reopened.read(firstSlots(count)).catch((reason) => reason)
      expect(error.code).toBe('ANNULUS_CORRUPT')
      expect(error.details.slot).toBe(slot)
      await reopened.close()
      flip(files, checksums(2), pageBytes * 8 + bit)
    }
  })
})

describe('files that are too short, too long or missing', () => {
  it('are refused at every length of a segment but the right one', async () => {
    const files = await filled()
    for (const name of [segment(0), segment(2)]) {
      const whole = files.bytes(name).slice()
      const lengths = [0, 1, 8, 55, 56, 4095, 4096, 4097, 5000, whole.length - 4096]
      for (const length of [...lengths, whole.length - 1, whole.length + 1, whole.length + 4096]) {
        const bytes = new Uint8Array(length)
        bytes.set(whole.subarray(0, length))
        files.setBytes(name, bytes)
        expect(await outcome(files, count), `${length}`).toBe(`ANNULUS_CORRUPT ${name}`)
        expect(await outcome(files), `${length}`).toBe(`ANNULUS_CORRUPT ${name}`)
      }
      files.setBytes(name, whole)
    }
    expect(await outcome(files, count)).toBe(count)
  })

  it('are refused at every length of checksums that loses a committed slot', async () => {
    const files = await filled()
    for (const number of [0, 1, 2]) {
      const whole = files.bytes(checksums(number)).slice()
      for (let length = 0; length < whole.length; length += length < 4000 ? 97 : 1) {
        files.setBytes(checksums(number), whole.slice(0, length))
        const expected = `ANNULUS_CORRUPT ${checksums(number)}`
        expect(await outcome(files, count), `${length}`).toBe(expected)
        // Without a count only the last segment may be partly filled.
        if (number < 2) expect(await outcome(files), `${length}`).toBe(expected)
      }
      files.setBytes(checksums(number), whole)
    }
  })

  it('are refused when there are more checksums than slots', async () => {
    const files = await filled()
    const bytes = new Uint8Array(pageBytes + 4 * layout.slotsPerSegment + 4)
    bytes.set(files.bytes(checksums(1)))
    files.setBytes(checksums(1), bytes)
    expect(await outcome(files, count)).toBe(`ANNULUS_CORRUPT ${checksums(1)}`)
  })

  it('are named when they are missing, unless nothing in them was committed', async () => {
    for (const name of [0, 1, 2].flatMap((number) => [segment(number), checksums(number)])) {
      const files = await filled()
      await files.remove(name)
      expect(await outcome(files, count)).toBe(`ANNULUS_CORRUPT ${name}`)
      expect(await outcome(files)).toBe(`ANNULUS_CORRUPT ${name}`)
    }
    const files = await filled()
    await files.remove(segment(2))
    expect(await outcome(files, 2 * layout.slotsPerSegment)).toBe(2 * layout.slotsPerSegment)
    expect(files.paths().filter((name) => name.includes('000002'))).toEqual([])
  })

  it('are all missing: committed slots are lost, and that is said', async () => {
    expect(await outcome(new VolatileFiles(), 1)).toBe(`ANNULUS_CORRUPT ${segment(0)}`)
    expect(await outcome(new VolatileFiles(), 0)).toBe(0)
  })
})

describe('what a crash leaves behind', () => {
  it('is removed: temporary files, and checksums whose segment was never made', async () => {
    const files = await filled()
    for (const name of [`${segment(3)}.tmp`, `${checksums(3)}.tmp`]) {
      await (await files.open(name, 'create')).close()
    }
    const orphan = await files.open(checksums(3), 'create')
    await orphan.write(files.bytes(checksums(2)).slice(0, pageBytes), 0)
    expect(await outcome(files)).toBe(count)
    expect(files.paths().filter((name) => /tmp|000003/.test(name))).toEqual([])
  })

  it('is not counted: checksums that the file grew by without getting them', async () => {
    const files = await filled()
    const grown = new Uint8Array(files.bytes(checksums(2)).length + 8)
    grown.set(files.bytes(checksums(2)))
    files.setBytes(checksums(2), grown)
    expect(await outcome(files)).toBe(count)
  })

  it('leaves strangers in the directory alone', async () => {
    const files = await filled()
    for (const name of [`${path}/notes.txt`, `${path}/vectors-1.seg`]) {
      await (await files.open(name, 'create')).close()
    }
    expect(await outcome(files, 0)).toBe(0)
    expect(files.paths()).toContain(`${path}/notes.txt`)
    expect(files.paths()).toContain(`${path}/vectors-1.seg`)
  })
})

describe('open', () => {
  it('changes nothing when it fails', async () => {
    const files = await filled()
    flip(files, segment(0), 400)
    const before = files.paths().map((name) => [name, name.includes('-') && files.bytes(name)])
    expect(await outcome(files, 3)).toMatch(/CORRUPT/)
    expect(files.paths().map((name) => [name, name.includes('-') && files.bytes(name)])).toEqual(
      before,
    )
  })

  it('keeps the segment size that the store was created with', async () => {
    const files = await filled()
    const storage = await preadStorage({ files }).open({ path, dimension, slots: count })
    await storage.write(count, vectors)
    expect(await storage.read(Uint32Array.of(2 * count - 1))).toEqual(
      vectorAt(vectors, count - 1, dimension),
    )
    await storage.close()
    expect(files.paths()).toContain(segment(4))
  })

  it('can be aborted', async () => {
    const files = await filled()
    const signal = AbortSignal.abort('no')
    const opening = preadStorage({ files }).open({ path, dimension, signal })
    await expect(opening).rejects.toMatchObject({ code: 'ANNULUS_ABORTED', cause: 'no' })
    expect(await outcome(files)).toBe(count)
  })
})
