// What the soak says of a process that grows: its figures must show it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { summary } from '../src/soak/soak.js'
import type { SoakSample } from '../src/soak/worker.js'

const lifeSeconds = 20

function samples(lives: number, of: (life: number) => Partial<SoakSample>): SoakSample[] {
  return Array.from({ length: lives }, (_, life) => ({
    seconds: life * lifeSeconds,
    rssMiB: 100,
    heapMiB: 20,
    descriptors: 21,
    threads: 11,
    searches: 10,
    writes: 1,
    p50Ms: 1,
    p99Ms: 10,
    problems: [],
    ...of(life),
  }))
}

describe('the report of a soak', () => {
  it('tells how fast a process grows', () => {
    const lives = fc.integer({ min: 12, max: 200 })
    const perHour = fc.double({ min: -50, max: 500, noNaN: true })
    fc.assert(
      fc.property(lives, perHour, (n, growth) => {
        const grown = samples(n, (life) => ({
          rssMiB: 100 + (growth * life * lifeSeconds) / 3_600,
        }))
        expect(summary(grown).rssMiBPerHour).toBeCloseTo(growth, 5)
      }),
    )
  })

  it('shows a descriptor that each life leaves open, and searches that become slower', () => {
    const leaking = samples(60, (life) => ({ descriptors: 21 + life, p99Ms: 10 + life }))
    const { descriptors, p99Ms } = summary(leaking)
    expect(descriptors[1]).toBeGreaterThan(descriptors[0] + 20)
    expect(descriptors[2]).toBe(80)
    expect(p99Ms[1]).toBeGreaterThan(p99Ms[0] + 20)
  })

  it('does not take the warming up for growth', () => {
    const warming = samples(120, (life) => ({ rssMiB: life < 20 ? 100 + life : 120 }))
    expect(summary(warming).rssMiBPerHour).toBeCloseTo(0, 5)
  })
})
