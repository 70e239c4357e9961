import { readdir } from 'node:fs/promises'
import { equal, ok, rejectsWith } from './expect.js'
import { holds } from './reading-and-writing.js'
import { atSite, onStorage, type Site, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { vectorsOf } from './vectors.js'

const dimension = 128
const options = { segmentBytesMax: segmentBytesFor(dimension, 8) }
const vectors = vectorsOf(30, dimension)

/** A site whose storage was filled, flushed and closed. */
function atFilled(subject: StorageSubject, test: (site: Site) => Promise<void>): Promise<void> {
  return atSite(subject, options, async (site) => {
    const storage = await site.open({ dimension })
    await storage.write(0, vectors)
    await storage.flush()
    await storage.close()
    await test(site)
  })
}

export function testReopening({ describe, it }: Runner, subject: StorageSubject): void {
  if (subject.capabilities.persistent) testPersistent({ describe, it }, subject)
  else {
    describe('not persistent', () => {
      it('starts empty again', () =>
        atFilled(subject, async (site) => {
          equal((await site.open({ dimension })).slots, 0)
        }))
    })
  }
  describe('opening twice', () => {
    const { exclusive } = subject.capabilities
    it(exclusive ? 'is refused while the first is open' : 'is not refused', () =>
      onStorage(subject, 4, async (storage, site) => {
        await storage.write(0, vectorsOf(2, 4))
        if (!exclusive) {
          await site.open({ dimension: 4 })
          return
        }
        await rejectsWith('ANNULUS_LOCKED', () => site.open({ dimension: 4 }))
        await holds(storage, vectorsOf(2, 4))
        await storage.write(2, vectorsOf(1, 4))
        await storage.flush()
        await storage.close()
        await site.open({ dimension: 4 })
      }),
    )
  })
  testReader({ describe, it }, subject)
}

function testPersistent({ describe, it }: Runner, subject: StorageSubject): void {
  describe('reopening', () => {
    it('finds what was flushed', () =>
      atFilled(subject, async (site) => holds(await site.open({ dimension }), vectors)))

    it('finds overwritten slots as they were last', () =>
      atFilled(subject, async (site) => {
        const storage = await site.open({ dimension })
        const fresh = vectorsOf(3, dimension, 50)
        await storage.write(7, fresh)
        await storage.flush()
        await storage.close()
        const expected = vectors.slice()
        expected.set(fresh, 7 * dimension)
        await holds(await site.open({ dimension, slots: 30 }), expected)
      }))

    for (const slots of [0, 1, 7, 8, 9, 16, 29, 30]) {
      it(`keeps ${slots} slots when told so, and never shows the others again`, () =>
        atFilled(subject, async (site) => {
          const kept = vectors.slice(0, slots * dimension)
          const storage = await site.open({ dimension, slots })
          await holds(storage, kept)
          await storage.close()
          const again = await site.open({ dimension })
          await holds(again, kept)
          const fresh = vectorsOf(11, dimension, 60)
          await again.write(slots, fresh)
          await again.flush()
          await again.close()
          const expected = new Float32Array([...kept, ...fresh])
          await holds(await site.open({ dimension, slots: slots + 11 }), expected)
        }))
    }

    it('rejects when committed slots are missing, and changes nothing', () =>
      atFilled(subject, async (site) => {
        await rejectsWith('ANNULUS_CORRUPT', () => site.open({ dimension, slots: 31 }))
        await holds(await site.open({ dimension, slots: 30 }), vectors)
      }))

    it('rejects another dimension, and changes nothing', () =>
      atFilled(subject, async (site) => {
        await rejectsWith('ANNULUS_DIMENSION', () => site.open({ dimension: 64 }))
        await holds(await site.open({ dimension }), vectors)
      }))

    it('goes on over many sessions', () =>
      atSite(subject, options, async (site) => {
        for (let session = 0; session < 12; session++) {
          const storage = await site.open({ dimension, slots: Math.min(30, session * 3) })
          if (session < 10) {
            await storage.write(session * 3, vectors.slice(session * 384, (session + 1) * 384))
          }
          await storage.flush()
          await storage.close()
        }
        await holds(await site.open({ dimension }), vectors)
      }))
  })
}

function testReader({ describe, it }: Runner, subject: StorageSubject): void {
  const { checksums, nativeReader } = subject.capabilities
  describe('what the manifest says', () => {
    it(nativeReader ? 'gives a native reader' : 'has no native reader', () =>
      onStorage(subject, 4, async (storage) => {
        if (!nativeReader) {
          equal(storage.reader, undefined, 'a reader that the manifest does not name')
          return
        }
        ok(storage.reader !== undefined, 'reader() is missing')
        equal(typeof storage.reader(), 'object')
      }),
    )

    it(`has ${checksums ? '' : 'no '}segment files`, () =>
      onStorage(subject, 4, async (storage, site) => {
        await storage.write(0, vectorsOf(2, 4))
        const names = await readdir(site.path).catch((): string[] => [])
        equal(names.includes('vectors-000000.seg'), checksums)
        equal(names.includes('vectors-000000.crc'), checksums)
      }))
  })
}
