import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { WritePace, writeShare } from '../src/write-pace.js'

/** A clock that only sleeping and working move. */
class Clock {
  ms = 0
  slept = 0
  readonly now = () => this.ms
  readonly sleep = async (ms: number) => {
    this.ms += ms
    this.slept += ms
  }
}

const pieces = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 50 })

describe('the pace of writers', () => {
  it('leaves searches that wait all but its share of the event loop', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (works) => {
        const clock = new Clock()
        const pace = new WritePace(() => true, clock)
        for (const ms of works) {
          pace.spend(() => {
            clock.ms += ms
          })
          await pace.rest()
          const worked = clock.ms - clock.slept
          expect(worked).toBeLessThanOrEqual(clock.ms * writeShare + 1e-6)
        }
      }),
    )
  })

  it('does not hold up writers while no search waits', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, async (works) => {
        const clock = new Clock()
        const pace = new WritePace(() => false, clock)
        for (const ms of works) {
          pace.spend(() => {
            clock.ms += ms
          })
          await pace.rest()
        }
        expect(clock.slept).toBe(0)
      }),
    )
  })

  it('lets writers go on soon after searches have stopped waiting', async () => {
    const clock = new Clock()
    const pace = new WritePace(() => clock.ms < 105, clock)
    pace.spend(() => {
      clock.ms += 50
    })
    await pace.rest()
    expect(clock.ms).toBeGreaterThanOrEqual(105)
    expect(clock.ms).toBeLessThanOrEqual(115)
  })

  it('never lets writers rest for more than a second', async () => {
    const clock = new Clock()
    const pace = new WritePace(() => true, clock)
    for (let piece = 0; piece < 10; piece++) {
      pace.spend(() => {
        clock.ms += 100
      })
    }
    await pace.rest()
    expect(clock.slept).toBeLessThanOrEqual(1_000)
    expect(clock.slept).toBeGreaterThan(900)
  })

  it('counts work that fails, and passes its error on', async () => {
    const clock = new Clock()
    const pace = new WritePace(() => true, clock)
    const work = () => {
      clock.ms += 10
      throw new Error('broken')
    }
    expect(() => pace.spend(work)).toThrow('broken')
    await pace.rest()
    expect(clock.slept).toBeCloseTo(150)
  })
})
