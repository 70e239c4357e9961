// What is said of codes before there are any, against codes that were trained.
import { Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { codeSize, quantizerFrom } from '../src/index.js'
import { metricArbitrary, randomFloats } from './support.js'

const pool = new Pool()
afterAll(() => pool.close())

const kinds = fc.constantFrom<[string, Record<string, number>]>(
  ['none', {}],
  ['scalar', {}],
  ['binary', {}],
  ['rotated', { bits: 1 }],
  ['rotated', { bits: 4 }],
  ['product', { compression: 16 }],
)

it('is the size of each vector to the byte, and no less than what all share', async () => {
  const dimensions = fc.integer({ min: 1, max: 300 })
  await fc.assert(
    fc.asyncProperty(
      kinds,
      dimensions,
      metricArbitrary,
      async ([kind, settings], dimension, metric) => {
        const quantizer = quantizerFrom(kind, settings)
        fc.pre(quantizer?.metrics?.includes(metric) !== false)
        const sample = randomFloats(200 * dimension, 3)
        const codes = await quantizer?.train(sample, { dimension, metric, pool })
        const size = codeSize(kind, settings, dimension, metric)
        expect(size?.bytesPerVector).toBe(codes?.bytesPerVector)
        expect(codes?.bytes).toBeLessThanOrEqual(size?.fixedBytes ?? 0)
        codes?.close()
      },
    ),
    { numRuns: 60 },
  )
  expect(codeSize('of another package', {}, 8, 'dot')).toBeUndefined()
})
