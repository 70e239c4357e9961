import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, percentile } from '../src/bench/measure.js'
import { recall } from '../src/bench/recall.js'

describe('figures of the experiment', () => {
  it('a percentile is a sample, and at least that share of samples is not above it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1 }),
        fc.integer({ min: 1, max: 100 }),
        (samples, percent) => {
          const sorted = samples.toSorted((a, b) => a - b)
          const value = percentile(sorted, percent)
          expect(samples).toContain(value)
          expect(
            sorted.filter((sample) => sample <= value).length / sorted.length,
          ).toBeGreaterThanOrEqual(percent / 100)
        },
      ),
    )
  })

  it('the median of three is the middle one', () => {
    expect(median([3, 1, 2])).toBe(2)
  })

  it('recall counts found neighbours, whatever their order', () => {
    expect(
      recall(
        [
          [1, 2],
          [9, 4],
        ],
        [
          [2, 1],
          [3, 4],
        ],
      ),
    ).toBe(0.75)
    expect(recall([], [[1]])).toBe(0)
  })
})
