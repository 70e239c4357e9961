// Recall on real data: of the graph against a scan of the same codes, and with scalar codes after
// rescoring, against exact search.
import { type Metric, Pool } from '@annulus/native'
import { type Codes, none, scalar } from '@annulus/quantization'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { bitmapOf, encode, faults, randomFrom, range, recall, row } from './points.js'
import { hasRealSet, readRealSet } from './real-set.js'

const sets: readonly { name: string; metric: Metric; rows: number }[] = [
  { name: 'ml-notes-384-cosine', metric: 'cosine', rows: 22_000 },
  { name: 'fashion-mnist-784-euclidean', metric: 'euclidean', rows: 12_000 },
]
const queries = 200
const ef = 100
const timeoutMs = 120_000

for (const { name, metric, rows } of sets) {
  describe.skipIf(!hasRealSet(name))(`${name} (skipped when ANNULUS_DATA has no such set)`, () => {
    let pool: Pool
    let floats: Codes
    let set: ReturnType<typeof readRealSet>

    beforeAll(async () => {
      pool = new Pool()
      set = readRealSet(name, rows)
      floats = await encode(set.base, set.dimension, pool, none(), metric)
    }, timeoutMs)
    afterAll(() => {
      floats.close()
      pool.close()
    })

    it(
      'filters of 1 to 80 % reach recall@10 of 0.95 at ef 64, at random and far from the query',
      async () => {
        const index = HnswIndex.create({ pool, scorer: floats.scorer() })
        await index.insert(range(0, floats.slots))
        const random = randomFrom(3)
        for (const far of [false, true]) {
          for (const share of [0.01, 0.1, 0.3, 0.5, 0.8]) {
            let sum = 0
            for (let q = 0; q < 20; q++) {
              const query = row(set.queries, set.dimension, q)
              const ranked = (await floats.scan(query, { k: floats.slots })).slots
              const slots = far
                ? ranked.subarray(Math.round((1 - share) * ranked.length))
                : ranked.filter(() => random() < share)
              const allowed = bitmapOf(slots, floats.slots)
              const found = await index.search(query, { k: 10, ef: 64, allowed })
              expect(faults(found.slots, found.distances)).toEqual([])
              sum += recall(slots.subarray(0, 10), found.slots)
            }
            expect(sum / 20, `${share} far ${far}`).toBeGreaterThanOrEqual(0.95)
          }
        }
        await index.close()
      },
      timeoutMs,
    )

    it.each([
      ['none', none(), 10],
      ['scalar', scalar(), 20],
    ])(
      '%s codes reach recall@10 of 0.99 at ef 100',
      async (_, quantizer, k) => {
        const codes = await encode(set.base, set.dimension, pool, quantizer, metric)
        const index = HnswIndex.create({ pool, scorer: codes.scorer() })
        await index.insert(range(0, codes.slots))
        expect(await index.check()).toMatchObject({ nodes: codes.slots, violations: 0 })
        let sum = 0
        for (let q = 0; q < queries; q++) {
          const query = row(set.queries, set.dimension, q)
          const found = await index.search(query, { k, ef })
          expect(faults(found.slots, found.distances)).toEqual([])
          const best = await rescored(floats, query, found.slots)
          sum += recall((await floats.scan(query, { k: 10 })).slots, best.subarray(0, 10))
        }
        expect(sum / queries).toBeGreaterThanOrEqual(0.99)
        await index.close()
        codes.close()
      },
      timeoutMs,
    )
  })
}

/** The slots by exact distance, through the scan of exactly those. */
async function rescored(floats: Codes, query: Float32Array, slots: Uint32Array) {
  const allowed = new Uint32Array(Math.ceil(floats.slots / 32))
  for (const slot of slots) allowed[slot >>> 5] = (allowed[slot >>> 5] ?? 0) | (1 << (slot & 31))
  return (await floats.scan(query, { k: slots.length, allowed })).slots
}
