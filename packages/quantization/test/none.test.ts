import { Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { none } from '../src/index.js'
import { native } from '../src/native.js'
import { distance, metricArbitrary, normalised, rowOf, vectorsArbitrary } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

it('uncompressed distances are exact to float32, also between slots', async () => {
  await fc.assert(
    fc.asyncProperty(
      vectorsArbitrary,
      metricArbitrary,
      async ({ vectors, dimension, n }, metric) => {
        const codes = await none().train(new Float32Array(0), { dimension, metric, pool })
        await codes.encode(0, vectors)
        const stored = (vector: Float32Array) => (metric === 'cosine' ? normalised(vector) : vector)
        const query = rowOf(vectors, dimension, 0)
        const slots = Uint32Array.from({ length: n }, (_, slot) => slot)
        const scorer = codes.scorer()
        const distances = native.queryDistances(scorer, query, slots)
        expect(native.queryDistances(scorer, 0, slots)).toEqual(distances)
        expect(native.pairDistances(scorer, 0, slots)).toEqual(distances)
        for (const slot of slots) {
          const other = stored(rowOf(vectors, dimension, slot))
          const expected = distance(metric, stored(query), other)
          const size =
            metric === 'dot' || metric === 'cosine'
              ? Math.hypot(...stored(query)) * Math.hypot(...other)
              : expected
          expect(Math.abs((distances[slot] ?? 0) - expected)).toBeLessThanOrEqual(1e-5 * size)
          if (metric !== 'cosine') expect(codes.decode(slot)).toEqual(other)
        }
        codes.close()
      },
    ),
    { numRuns: 60 },
  )
})
