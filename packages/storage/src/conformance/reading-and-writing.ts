import type { VectorStorage } from '../types.js'
import { equal, ok, sameFloats } from './expect.js'
import { atSite, onStorage, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { firstSlots, gather, vectorsOf } from './vectors.js'

const dimension = 6

/** All slots hold these vectors and nothing more. */
export async function holds(storage: VectorStorage, vectors: Float32Array): Promise<void> {
  const count = vectors.length / storage.dimension
  equal(storage.slots, count, 'slots')
  sameFloats(await storage.read(firstSlots(count)), vectors, 'stored vectors')
}

export function testReadingAndWriting({ describe, it }: Runner, subject: StorageSubject): void {
  describe('writing', () => {
    it('starts empty and says its dimension', () =>
      onStorage(subject, dimension, async (storage) => {
        equal(storage.slots, 0)
        equal(storage.dimension, dimension)
      }))

    it('appends vectors, visible at once', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(5, dimension)
        await storage.write(0, vectors.subarray(0, 2 * dimension))
        await holds(storage, vectors.subarray(0, 2 * dimension))
        await storage.write(2, vectors.subarray(2 * dimension))
        await holds(storage, vectors)
      }))

    it('gives a freed slot a new vector and leaves its neighbours alone', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(9, dimension)
        await storage.write(0, vectors)
        await storage.flush()
        const fresh = vectorsOf(2, dimension, 99)
        await storage.write(3, fresh)
        vectors.set(fresh, 3 * dimension)
        await holds(storage, vectors)
      }))

    it('gives scattered slots new vectors, and some behind the end, in one write', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(40, dimension)
        await storage.write(0, vectors.subarray(0, 37 * dimension))
        await storage.flush()
        const slots = Uint32Array.of(0, 3, 4, 5, 9, 21, 36, 37, 38, 39)
        const fresh = vectorsOf(slots.length, dimension, 99)
        await storage.write(slots, fresh)
        for (const [i, slot] of slots.entries()) {
          vectors.set(fresh.subarray(i * dimension, (i + 1) * dimension), slot * dimension)
        }
        await holds(storage, vectors)
      }))

    it('keeps what lies before discarded slots, which may be written again', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(9, dimension)
        await storage.write(0, vectors)
        await storage.flush()
        await storage.discard?.(4)
        const kept = vectors.subarray(0, 4 * dimension)
        sameFloats(await storage.read(firstSlots(4)), kept, 'vectors before')
        const fresh = vectorsOf(7, dimension, 99)
        await storage.write(4, fresh)
        const all = new Float32Array(11 * dimension)
        all.set(kept)
        all.set(fresh, 4 * dimension)
        await holds(storage, all)
      }))

    it('may overwrite the end and go on behind it', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(4, dimension)
        await storage.write(0, vectors.subarray(0, 3 * dimension))
        await storage.write(2, vectors.subarray(2 * dimension))
        await holds(storage, vectors)
      }))

    it('writes nothing for an empty array', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, new Float32Array(0))
        equal(storage.slots, 0)
      }))

    it('does not keep the array it was given', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(3, dimension)
        const given = vectors.slice()
        await storage.write(0, given)
        given.fill(42)
        await holds(storage, vectors)
      }))

    it('takes a view into the middle of a larger buffer', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(4, dimension)
        await storage.write(0, vectors.subarray(dimension, 3 * dimension))
        await holds(storage, vectors.slice(dimension, 3 * dimension))
      }))

    it('keeps every bit: zeros of both signs, denormals, extremes', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = Float32Array.of(0, -0, 1e-45, -1.17549435e-38, 3.4028235e38, -3.4028235e38)
        await storage.write(0, vectors)
        await holds(storage, vectors)
      }))

    it('runs concurrent writes in the order of the calls', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(12, dimension)
        const batches = [0, 3, 6, 9].map((slot) =>
          storage.write(slot, vectors.slice(slot * dimension, (slot + 3) * dimension)),
        )
        const flushed = storage.flush()
        await Promise.all([...batches, flushed])
        await holds(storage, vectors)
      }))

    it('holds a large batch, and large vectors', () =>
      atSite(subject, {}, async (site) => {
        const storage = await site.open({ dimension: 1024 })
        const vectors = vectorsOf(1500, 1024)
        await storage.write(0, vectors)
        await storage.flush()
        await holds(storage, vectors)
      }))

    for (const odd of [1, 2, 3, 96, 100, 127, 129, 384, 768, 1025]) {
      it(`holds vectors of dimension ${odd} in several segments`, () =>
        atSite(subject, { segmentBytesMax: segmentBytesFor(odd, 4) }, async (site) => {
          const storage = await site.open({ dimension: odd })
          const vectors = vectorsOf(odd > 16 ? 40 : 2500, odd)
          await storage.write(0, vectors.subarray(0, 7 * odd))
          await storage.write(7, vectors.subarray(7 * odd))
          await holds(storage, vectors)
        }))
    }
  })
  testReading({ describe, it }, subject)
}

function testReading({ describe, it }: Runner, subject: StorageSubject): void {
  describe('reading', () => {
    it('answers in the order of the slots, duplicates included', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(30, dimension)
        await storage.write(0, vectors)
        const slots = Uint32Array.of(17, 3, 29, 3, 0, 17, 17, 28)
        sameFloats(await storage.read(slots), gather(vectors, slots, dimension), 'vectors')
      }))

    it('answers an empty list with an empty array', () =>
      onStorage(subject, dimension, async (storage) => {
        equal((await storage.read(new Uint32Array(0))).length, 0)
        await storage.write(0, vectorsOf(1, dimension))
        equal((await storage.read(new Uint32Array(0))).length, 0)
        equal((await storage.score(vectorsOf(1, dimension), new Uint32Array(0), 'dot')).length, 0)
      }))

    it('returns an array of its own each time', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(8, dimension)
        await storage.write(0, vectors)
        const first = await storage.read(firstSlots(8))
        const kept = first.slice()
        const second = await storage.read(Uint32Array.of(7, 6, 5, 4, 3, 2, 1, 0))
        sameFloats(first, kept, 'the first answer after a second read')
        second.fill(0)
        first.fill(0)
        await holds(storage, vectors)
      }))

    it('takes slots from a view and leaves them alone', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(9, dimension)
        await storage.write(0, vectors)
        const list = Uint32Array.of(8, 7, 2, 5, 1)
        const view = list.subarray(1, 4)
        const slots = Uint32Array.of(7, 2, 5)
        sameFloats(await storage.read(view), gather(vectors, slots, dimension), 'vectors')
        ok(
          list.every((slot, i) => slot === [8, 7, 2, 5, 1][i]),
          'the list of slots was changed',
        )
      }))

    it('answers many calls at once, each with its own vectors', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(64, dimension)
        await storage.write(0, vectors)
        const lists = Array.from({ length: 50 }, (_, call) =>
          Uint32Array.from({ length: 1 + (call % 9) }, (_, i) => (call * 13 + i * 7) % 64),
        )
        const answers = await Promise.all(lists.map((slots) => storage.read(slots)))
        answers.forEach((answer, i) => {
          const slots = lists[i] ?? new Uint32Array(0)
          sameFloats(answer, gather(vectors, slots, dimension), `call ${i}`)
        })
      }))

    it('goes on while vectors are written, and every slot below `slots` can be read', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(400, dimension)
        let writing = true
        const write = async () => {
          for (let slot = 0; slot < 400; slot += 5) {
            await storage.write(slot, vectors.slice(slot * dimension, (slot + 5) * dimension))
            if (slot % 50 === 0) await storage.flush()
          }
          writing = false
        }
        const read = async () => {
          while (writing) {
            const count = storage.slots
            const slots = Uint32Array.of(...(count > 0 ? [count - 1, 0, count >> 1] : []))
            sameFloats(await storage.read(slots), gather(vectors, slots, dimension), `at ${count}`)
            await new Promise((resolve) => setImmediate(resolve))
          }
        }
        await Promise.all([
          write().finally(() => {
            writing = false
          }),
          read(),
          read(),
        ])
        await holds(storage, vectors)
      }))
  })
}
