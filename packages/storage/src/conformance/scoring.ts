import { distances, metrics } from '@annulus/native'
import { equal, nearReference, sameFloats } from './expect.js'
import { atSite, onStorage, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { firstSlots, gather, vectorsOf } from './vectors.js'

export function testScoring({ describe, it }: Runner, subject: StorageSubject): void {
  describe('scoring', () => {
    for (const metric of metrics) {
      it(`gives ${metric} distances as float64 does, within 1e-4`, async () => {
        for (const dimension of [1, 3, 8, 31, 100, 384, 768]) {
          const options = { segmentBytesMax: segmentBytesFor(dimension, 10) }
          await atSite(subject, options, async (site) => {
            const storage = await site.open({ dimension })
            const vectors = vectorsOf(25, dimension)
            await storage.write(0, vectors)
            const query = vectorsOf(1, dimension, 77)
            const slots = Uint32Array.of(24, 0, 11, 11, 3, 23, 10, 9)
            const scored = await storage.score(query, slots, metric)
            nearReference(scored, metric, query, gather(vectors, slots, dimension))
          })
        }
      })

      it(`gives ${metric} distances bit for bit as the kernels do`, () =>
        onStorage(subject, 129, async (storage) => {
          const vectors = vectorsOf(40, 129)
          await storage.write(0, vectors)
          const query = vectorsOf(1, 129, 5)
          const scored = await storage.score(query, firstSlots(40), metric)
          sameFloats(scored, await distances(query, vectors, metric), metric)
        }))
    }

    it('leaves the query alone', () =>
      onStorage(subject, 8, async (storage) => {
        await storage.write(0, vectorsOf(4, 8))
        const query = vectorsOf(1, 8, 3)
        const before = query.slice()
        for (const metric of metrics) await storage.score(query, firstSlots(4), metric)
        sameFloats(query, before, 'the query')
      }))

    it('answers many queries at once', () =>
      onStorage(subject, 16, async (storage) => {
        const vectors = vectorsOf(50, 16)
        await storage.write(0, vectors)
        const calls = Array.from({ length: 40 }, async (_, call) => {
          const query = vectorsOf(1, 16, call + 100)
          const slots = Uint32Array.from({ length: 12 }, (_, i) => (call * 3 + i * 5) % 50)
          const metric = metrics[call % metrics.length] ?? 'dot'
          nearReference(
            await storage.score(query, slots, metric),
            metric,
            query,
            gather(vectors, slots, 16),
          )
        })
        equal((await Promise.all(calls)).length, 40)
      }))
  })
}
