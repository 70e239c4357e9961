// Damage done to the files behind the storage's back: found, named, and kept to its own slot.
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { layoutOf, segmentName } from '../layout.js'
import { equal, ok, rejectsWith, sameFloats } from './expect.js'
import { atSite, type Site, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { gather, vectorsOf } from './vectors.js'

const dimension = 120
const segmentBytesMax = segmentBytesFor(dimension, 8)
const layout = layoutOf(dimension, segmentBytesMax)
const vectors = vectorsOf(20, dimension)

/** Where a slot's vector lies. */
function placeOf(slot: number) {
  const number = Math.floor(slot / layout.slotsPerSegment)
  const index = slot % layout.slotsPerSegment
  return { number, index, position: layout.headerBytes + index * layout.stride }
}

async function changeBytes(
  path: string,
  position: number,
  length: number,
  change: (bytes: Buffer) => void,
): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(length)
    await file.read(bytes, 0, length, position)
    change(bytes)
    await file.write(bytes, 0, length, position)
  } finally {
    await file.close()
  }
}

/** Fills a storage, closes it, damages it, reopens it, and expects only `slot` to be lost. */
async function loses(
  subject: StorageSubject,
  slots: readonly number[],
  harm: (site: Site) => Promise<void>,
): Promise<void> {
  await atSite(subject, { segmentBytesMax }, async (site) => {
    const filling = await site.open({ dimension })
    await filling.write(0, vectors)
    await filling.flush()
    await filling.close()
    await harm(site)
    const storage = await site.open({ dimension, slots: 20 })
    for (const slot of slots) {
      const list = Uint32Array.of(0, slot, 19)
      const query = vectorsOf(1, dimension, 9)
      for (const call of [() => storage.read(list), () => storage.score(query, list, 'dot')]) {
        const error = await rejectsWith('ANNULUS_CORRUPT', call)
        equal(error.details['slot'], slot, 'the slot named')
        const path = join(site.path, segmentName(placeOf(slot).number, 'seg'))
        equal(error.details['path'], path, 'the file named')
      }
    }
    const intact = Uint32Array.from({ length: 20 }, (_, slot) => slot).filter(
      (slot) => !slots.includes(slot),
    )
    sameFloats(await storage.read(intact), gather(vectors, intact, dimension), 'intact vectors')
    ok(storage.stats().errors > 0, 'damage counts as errors')
  })
}

export function testDamage({ describe, it }: Runner, subject: StorageSubject): void {
  if (!subject.capabilities.checksums) return
  describe('damage', () => {
    for (const [slot, bit] of [
      [3, 0],
      [7, 31],
      [11, dimension * 32 - 1],
      [14, 1234],
    ] as const) {
      it(`finds bit ${bit} of vector ${slot} flipped`, () =>
        loses(subject, [slot], async (site) => {
          const { number, position } = placeOf(slot)
          const path = join(site.path, segmentName(number, 'seg'))
          await changeBytes(path, position + (bit >> 3), 1, (bytes) => {
            bytes[0] = (bytes[0] ?? 0) ^ (1 << (bit & 7))
          })
        }))
    }

    it('finds a changed checksum', () =>
      loses(subject, [9], async (site) => {
        const { number, index } = placeOf(9)
        const path = join(site.path, segmentName(number, 'crc'))
        await changeBytes(path, layout.headerBytes + index * 4, 4, (bytes) => bytes.reverse())
      }))

    it('finds two vectors exchanged, with their checksums', () =>
      loses(subject, [2, 5], async (site) => {
        for (const [kind, bytesPerSlot] of [
          ['seg', layout.stride],
          ['crc', 4],
        ] as const) {
          const from = layout.headerBytes + 2 * bytesPerSlot
          const path = join(site.path, segmentName(0, kind))
          await changeBytes(path, from, 4 * bytesPerSlot, (bytes) => {
            const second = Buffer.from(bytes.subarray(3 * bytesPerSlot))
            bytes.copy(bytes, 3 * bytesPerSlot, 0, bytesPerSlot)
            second.copy(bytes, 0)
          })
        }
      }))

    it('finds a vector that became zeros', () =>
      loses(subject, [17], async (site) => {
        const { number, position } = placeOf(17)
        const path = join(site.path, segmentName(number, 'seg'))
        await changeBytes(path, position, layout.stride, (bytes) => bytes.fill(0))
      }))

    it('uses no file beyond the documented ones', () =>
      atSite(subject, { segmentBytesMax }, async (site) => {
        const storage = await site.open({ dimension })
        await storage.write(0, vectors)
        await storage.flush()
        const names = await readdir(site.path)
        for (const name of names) ok(/^vectors(-\d{6}\.(seg|crc)|\.lock)$/.test(name), name)
      }))
  })
}
