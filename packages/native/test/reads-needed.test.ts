import { readsNeeded } from '@annulus/native'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const candidates = fc
  .array(
    fc.record({
      gap: fc.double({ min: 0, max: 1, noNaN: true }),
      bound: fc.double({ min: 0, max: 2, noNaN: true }),
    }),
    {
      minLength: 1,
      maxLength: 60,
    },
  )
  .map((list) => {
    let estimate = -3
    const distances = Float32Array.from(list, ({ gap }) => (estimate += gap))
    return { distances, bounds: Float32Array.from(list, ({ bound }) => bound) }
  })
const limits = fc.integer({ min: 1, max: 70 })

describe('readsNeeded', () => {
  it('wants at least the results and at most all, more the farther the last result is', () => {
    fc.assert(
      fc.property(
        candidates,
        limits,
        fc.float({ min: -4, max: 60, noNaN: true }),
        (all, limit, worst) => {
          const n = all.distances.length
          const least = Math.min(limit, n)
          for (const read of [0, least]) {
            const needed = readsNeeded(all, limit, read, worst)
            expect(needed).toBeGreaterThanOrEqual(least)
            expect(needed).toBeLessThanOrEqual(n)
            if (read > 0)
              expect(readsNeeded(all, limit, read, worst + 1)).toBeGreaterThanOrEqual(needed)
          }
        },
      ),
    )
  })

  it('reads no more than the results where estimates are exact, and all where nothing is known', () => {
    fc.assert(
      fc.property(candidates, limits, ({ distances }, limit) => {
        const n = distances.length
        const exact = { distances: distances.map((_, i) => i), bounds: new Float32Array(n) }
        expect(readsNeeded(exact, limit, 0, 0)).toBe(Math.min(limit, n))
        const unknown = { distances, bounds: new Float32Array(n).fill(Number.POSITIVE_INFINITY) }
        expect(readsNeeded(unknown, limit, 0, 0)).toBe(n)
      }),
    )
  })

  it('stops where a thousandth of the results is left to be expected', () => {
    // One unread candidate, whose chance falls as it moves away: at 3.09 deviations it is 1 in 1,000.
    const at = (deviations: number) =>
      readsNeeded(
        {
          distances: Float32Array.of(0, deviations / 2.3263),
          bounds: Float32Array.of(1, 1),
        },
        1,
        1,
        0,
      )
    expect(at(3.08)).toBe(2)
    expect(at(3.1)).toBe(1)
  })
})
