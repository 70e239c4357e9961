// Which candidates are read: never more by `uncertain` than by `bounded`, and no more results missed than stated.
import { likelyDistances, nextReads, type RescoreRule } from '@annulus/native'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

/** Candidates of which the truth is known here, as a storage would tell it. */
interface World {
  readonly estimates: Float32Array
  readonly below: Float32Array
  readonly above: Float32Array
  readonly truth: Float32Array
}

/** Standard normal numbers (Box and Muller, 1958) from a linear congruential generator. */
function normals(seed: number): () => number {
  let state = seed >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** 99 % of a normal distribution, to one side. */
const z = 2.3263478740408408

/** Truth at random, and estimates off by as much as their bounds promise, with a common shift. */
function world(n: number, noise: number, shift: number, seed: number): World {
  const next = normals(seed)
  const rows = Array.from({ length: n }, () => {
    const truth = 2 * Math.sqrt(Math.abs(next()) + 0.1)
    const deviation = noise * (0.5 + Math.abs(next()))
    const middle = truth + deviation * next()
    return { truth, estimate: middle - shift * deviation, deviation }
  }).sort((a, b) => a.estimate - b.estimate)
  return {
    truth: Float32Array.from(rows, ({ truth }) => truth),
    estimates: Float32Array.from(rows, ({ estimate }) => estimate),
    below: Float32Array.from(rows, ({ deviation }) => Math.max(0, (z - shift) * deviation)),
    above: Float32Array.from(rows, ({ deviation }) => (z + shift) * deviation),
  }
}

/** Reads until nothing is wanted any more. */
function follow(all: World, rescore: RescoreRule, limit: number, loss = 0.001) {
  const { estimates, below, above } = all
  const distances =
    rescore === 'uncertain' ? likelyDistances('dot', all) : Float32Array.from(estimates)
  const read = new Uint8Array(estimates.length)
  let waves = 0
  for (;;) {
    const next = nextReads({ estimates, below, above, distances, read }, { rescore, limit, loss })
    if (next.length === 0) break
    waves++
    for (const index of next) {
      expect(read[index]).toBe(0)
      read[index] = 1
      distances[index] = all.truth[index] ?? 0
    }
  }
  const reads = read.reduce((sum, one) => sum + one, 0)
  const ranked = Array.from(distances.keys())
    .filter((index) => rescore === 'uncertain' || read[index] === 1)
    .sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0) || a - b)
  return { reads, waves, read, found: new Set(ranked.slice(0, limit)) }
}

const best = ({ truth }: World, limit: number) =>
  Array.from(truth.keys())
    .sort((a, b) => (truth[a] ?? 0) - (truth[b] ?? 0))
    .slice(0, limit)

const worlds = fc
  .record({
    n: fc.integer({ min: 1, max: 80 }),
    noise: fc.constantFrom(0, 1e-4, 0.01, 0.1, 1),
    shift: fc.double({ min: -2, max: 2, noNaN: true }),
    seed: fc.nat(),
    unknown: fc.boolean(),
  })
  .map(({ n, noise, shift, seed, unknown }) => {
    const all = world(n, noise, shift, seed)
    if (unknown) {
      all.below.fill(Number.POSITIVE_INFINITY, n >> 1)
      all.above.fill(Number.POSITIVE_INFINITY, n >> 1)
    }
    return all
  })
const limits = fc.integer({ min: 1, max: 90 })
const losses = fc.constantFrom(0, 0.001, 0.01, 0.2)

describe('nextReads', () => {
  it('uncertain reads at most what bounded reads, of the same prefix; bounded at least the results', () => {
    fc.assert(
      fc.property(worlds, limits, losses, (all, limit, loss) => {
        const n = all.truth.length
        const bounded = follow(all, 'bounded', limit, loss)
        const uncertain = follow(all, 'uncertain', limit, loss)
        expect(bounded.reads).toBeGreaterThanOrEqual(Math.min(n, limit))
        expect(bounded.read.lastIndexOf(1)).toBe(bounded.reads - 1)
        expect(bounded.waves).toBeLessThanOrEqual(2)
        expect(uncertain.reads).toBeLessThanOrEqual(bounded.reads)
        expect(uncertain.read.lastIndexOf(1)).toBeLessThan(bounded.reads)
        expect(uncertain.found.size).toBe(Math.min(n, limit))
        expect(follow(all, 'all', limit, loss)).toMatchObject({ reads: n, waves: 1 })
      }),
      { numRuns: 500 },
    )
  })

  it.each([0.001, 0.01, 0.05])('loses no more than %f of the results', (loss) => {
    const limit = 10
    const trials = 400
    for (const [noise, shift] of [
      [0.02, 0],
      [0.1, 1.5],
      [0.1, -1.5],
      [0.3, 0],
    ] as const) {
      let missed = 0
      let reads = 0
      let bounded = 0
      for (let seed = 1; seed <= trials; seed++) {
        const all = world(80, noise, shift, seed)
        const { found, reads: some } = follow(all, 'uncertain', limit, loss)
        for (const index of best(all, limit)) if (!found.has(index)) missed++
        reads += some
        bounded += follow(all, 'bounded', limit, loss).reads
      }
      // The counts of so many trials scatter: three deviations of a Poisson distribution.
      const allowed = loss * limit * trials
      expect(missed).toBeLessThanOrEqual(allowed + 3 * Math.sqrt(allowed))
      expect(reads).toBeLessThan(bounded)
    }
  })

  it('uncertain reads nothing where estimates are exact, and what bounded reads where nothing is known', () => {
    fc.assert(
      fc.property(worlds, limits, ({ truth }, limit) => {
        const n = truth.length
        const estimates = truth.slice().sort()
        const sure = new Float32Array(n)
        const exact = { truth: estimates, estimates, below: sure, above: sure }
        expect(follow(exact, 'bounded', limit).reads).toBe(Math.min(limit, n))
        expect(follow(exact, 'uncertain', limit).reads).toBe(0)
        const unsure = new Float32Array(n).fill(Number.POSITIVE_INFINITY)
        const unknown = { truth: estimates, estimates, below: unsure, above: unsure }
        expect(follow(unknown, 'bounded', limit).reads).toBe(n)
        expect(follow(unknown, 'uncertain', limit).reads).toBe(n <= limit ? 0 : n)
      }),
    )
  })

  it('bounded stops where a thousandth of the results is left to be expected', () => {
    // A second candidate, whose chance falls as it moves away: at 3.09 deviations it is 1 in 1,000. Before anything is
    // read the first is taken to lie one deviation behind its estimate.
    const at = (deviations: number, read: number) =>
      nextReads(
        {
          estimates: Float32Array.of(0, (1 + deviations) / z),
          below: Float32Array.of(1, 1),
          above: Float32Array.of(1, 1),
          distances: Float32Array.of(1 / z, (1 + deviations) / z),
          read: Uint8Array.of(read, 0),
        },
        { rescore: 'bounded', limit: 1, loss: 0.001 },
      )
    expect(at(3.08, 0)).toEqual(Uint32Array.of(0, 1))
    expect(at(3.1, 0)).toEqual(Uint32Array.of(0))
    expect(at(3.1, 1)).toEqual(Uint32Array.of())
  })

  it('uncertain reads around the cut, above and below it', () => {
    const estimates = Float32Array.from({ length: 12 }, (_, i) =>
      i < 4 ? i : i < 8 ? 5 + i / 50 : i,
    )
    const bound = new Float32Array(12).fill(0.1)
    const read = new Uint8Array(12)
    const known = { estimates, below: bound, above: bound, distances: estimates, read }
    const next = nextReads(known, { rescore: 'uncertain', limit: 6, loss: 0.001 })
    expect(Array.from(next)).toEqual([4, 5, 6, 7])
  })
})
