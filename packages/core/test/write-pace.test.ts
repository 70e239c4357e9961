import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CollectionPace, WritePace } from '../src/write-pace.js'

/** A clock that only sleeping and working move. */
class Clock {
  ms = 0
  slept = 0
  onSleep = () => {}
  readonly now = () => this.ms
  readonly sleep = async (ms: number) => {
    this.ms += ms
    this.slept += ms
    this.onSleep()
  }
}

interface Work {
  readonly ms: number
  /** On the event loop, or on the other threads. */
  readonly holds: boolean
}

const works = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 15 }), holds: fc.boolean() }), {
  minLength: 1,
  maxLength: 60,
})
const shares = fc.constantFrom(0.05, 0.1, 0.25, 0.5)
const threadCounts = fc.constantFrom(1, 2, 8)

function paced(share: number, threads: number) {
  const clock = new Clock()
  const pace = new WritePace(share, threads, clock)
  return { clock, pace, crowd: () => pace.searching(threads) }
}

/** Milliseconds of CPU time that a piece of work takes from searches. */
async function act(pace: WritePace, clock: Clock, { ms, holds }: Work, threads: number) {
  await pace.rest()
  if (holds) {
    pace.hold(() => {
      clock.ms += ms
    })
    return ms * threads
  }
  clock.ms += ms / threads
  pace.spend(ms)
  return ms
}

describe('the pace of writing and indexing', () => {
  it('leaves searches that want every core all but its share, whoever writes', async () => {
    await fc.assert(
      fc.asyncProperty(shares, threadCounts, works, async (share, threads, all) => {
        const { clock, pace, crowd } = paced(share, threads)
        crowd()
        let taken = 0
        for (const work of all) {
          // Paid for but for what may be saved up and the last piece.
          await pace.rest()
          expect(taken).toBeLessThanOrEqual((clock.ms + 20) * share * threads + 1e-6)
          taken += await act(pace, clock, work, threads)
        }
      }),
    )
  })

  it('takes its share where there is enough to do', async () => {
    const { clock, pace, crowd } = paced(0.1, 2)
    crowd()
    let taken = 0
    while (clock.ms < 10_000) taken += await act(pace, clock, { ms: 2, holds: false }, 2)
    expect(taken / (2 * clock.ms)).toBeGreaterThan(0.095)
  })

  it('counts time of the event loop for every core: none delivers a result meanwhile', async () => {
    const { clock, pace, crowd } = paced(0.1, 4)
    crowd()
    pace.hold(() => {
      clock.ms += 10
    })
    await pace.rest()
    expect(clock.ms).toBeCloseTo(100 - 20 + 10, -1)
  })

  it('does not hold up anything while searches leave a core free', async () => {
    await fc.assert(
      fc.asyncProperty(works, async (all) => {
        const { clock, pace } = paced(0.05, 4)
        pace.searching(3)
        for (const work of all) await act(pace, clock, work, 4)
        expect(clock.slept).toBe(0)
      }),
    )
  })

  it('does not hold up anything with a share of 1', async () => {
    const { clock, pace, crowd } = paced(1, 2)
    crowd()
    for (let i = 0; i < 20; i++) await act(pace, clock, { ms: 50, holds: i % 2 === 0 }, 2)
    expect(clock.slept).toBe(0)
  })

  it('goes on soon after searches have ended, not at a moment without any', async () => {
    const { clock, pace } = paced(0.1, 2)
    pace.searching(2)
    pace.spend(500)
    clock.onSleep = () => {
      if (clock.ms < 300) {
        pace.searched(2)
        pace.searching(2)
        pace.searched()
        pace.searching()
      } else if (clock.ms === 300) pace.searched()
    }
    await pace.rest()
    expect(clock.ms).toBeGreaterThanOrEqual(400)
    expect(clock.ms).toBeLessThanOrEqual(420)
  })

  it('does a piece every second, however dear it was', async () => {
    const { clock, pace, crowd } = paced(0.001, 2)
    crowd()
    for (let piece = 1; piece <= 5; piece++) {
      pace.spend(1_000_000)
      await pace.rest()
      expect(clock.slept).toBeLessThanOrEqual(piece * 1_000 + 1e-6)
    }
    expect(clock.slept).toBeGreaterThan(4_900)
  })

  it('does short pieces beside searches, longer ones else', () => {
    const { clock, pace, crowd } = paced(0.1, 2)
    const free = pace.pieceMs
    crowd()
    expect(pace.pieceMs).toBeLessThan(free / 10)
    pace.searched(2)
    clock.ms += 1_000
    expect(pace.pieceMs).toBe(free)
  })

  it('counts work that fails, and passes its error on', async () => {
    const { clock, pace, crowd } = paced(0.1, 2)
    crowd()
    const work = () => {
      clock.ms += 10
      throw new Error('broken')
    }
    expect(() => pace.hold(work)).toThrow('broken')
    await pace.rest()
    expect(clock.slept).toBeGreaterThan(50)
  })

  it('ends a rest for an abort, and all rests of a collection when that closes', async () => {
    const { clock, pace, crowd } = paced(0.1, 2)
    crowd()
    const stop = new AbortController()
    const one = new CollectionPace(pace)
    const other = new CollectionPace(pace)
    one.spend(1_000)
    clock.onSleep = () => {
      if (clock.ms > 50) stop.abort()
      if (clock.ms > 100) one.end()
    }
    await one.rest(stop.signal)
    expect(clock.ms).toBeLessThan(80)
    await one.rest()
    expect(clock.ms).toBeLessThan(130)
    one.spend(1_000)
    const before = clock.ms
    await one.rest()
    expect(clock.ms).toBe(before)
    // One account for all collections: the others go on paying.
    await other.rest()
    expect(clock.ms).toBeGreaterThan(before + 500)
  })
})
