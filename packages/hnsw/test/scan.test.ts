// What several workers score together is what one scan of the codes finds.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { HnswIndex } from '../src/index.js'
import { codedPoints } from './coded-points.js'
import { bitmapOf, range, row } from './points.js'

const dimension = 4
const count = 20_000
const points = codedPoints(count, dimension, { seed: 3, threads: 4 })
const { vectors } = points
let index: HnswIndex

beforeAll(async () => {
  index = points.newGraph({ m: 4, efConstruct: 8 })
  await index.insert(range(0, count))
})
afterAll(() => index.close())

it('gives the nearest admitted nodes, by distance and then slot', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(count - 1),
      // Every so many from some slot to some other, enough of them for several workers, or too few.
      fc.record({ from: fc.nat(count), to: fc.nat(count), step: fc.integer({ min: 1, max: 4 }) }),
      async (at, { from, to, step }) => {
        const admitted = range(from, Math.max(from, to)).filter((slot) => slot % step === 0)
        const allowed = bitmapOf(admitted, count)
        const query = row(vectors, dimension, at)
        const found = await index.search(query, { k: count, allowed })
        const exact = await points.codes.scan(query, { k: count, allowed })
        expect(found.slots).toEqual(exact.slots)
        expect(found.distances).toEqual(exact.distances)
      },
    ),
    {
      numRuns: 40,
      examples: [
        [5, { from: 0, to: count, step: 1 }],
        [6, { from: 33, to: count, step: 2 }],
      ],
    },
  )
})
