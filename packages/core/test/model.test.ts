import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Model, Tally } from './model.js'
import { commands } from './model-commands.js'
import { Real } from './model-real.js'
import { directory, lastingMemory } from './world.js'

/** Long soaks set ANNULUS_SEED and more runs; the usual run is the same each time. */
const seed = Number(process.env['ANNULUS_SEED'] ?? 20_240_607)
/** Shrinking a failure takes minutes: on demand. */
const shrink = process.env['ANNULUS_SHRINK'] !== undefined
const numRuns = Number(process.env['ANNULUS_RUNS'] ?? 28)

let total = 0
let reused = 0
const strategies = new Map<string, number>()

describe('a collection does what a map and brute force do', () => {
  it.each(['cosine', 'dot', 'euclidean', 'manhattan'] as const)(
    '%s',
    async (metric) => {
      const narrow = new Tally()
      const wide = new Tally()
      await fc.assert(
        fc.asyncProperty(commands, async (sequence) => {
          const model = new Model(metric)
          const real = await Real.open(await directory(), lastingMemory(), metric)
          try {
            await fc.asyncModelRun(() => ({ model, real }), sequence)
          } finally {
            await real.db.close()
          }
          total += model.commands
          reused += model.reused
          narrow.add(model.tallies.narrow)
          wide.add(model.tallies.wide)
          for (const [name, count] of model.strategies) {
            strategies.set(name, (strategies.get(name) ?? 0) + count)
          }
        }),
        { seed, numRuns, endOnFailure: !shrink },
      )
      // Approximate searches may miss a little, with a narrow beam a little more.
      expect(wide.came / wide.due).toBeGreaterThan(0.999)
      expect(wide.right / wide.due).toBeGreaterThan(0.99)
      expect(narrow.came / narrow.due).toBeGreaterThan(0.99)
      expect(narrow.right / narrow.due).toBeGreaterThan(0.85)
    },
    300_000,
  )

  it('in every way a search can go', () => {
    for (const strategy of ['none', 'exact', 'scan', 'graph']) {
      expect(strategies.get(strategy) ?? 0).toBeGreaterThan(20)
    }
  })

  it('with slots that had other points before', () => {
    expect(reused).toBeGreaterThan(2_000)
  })

  it('in at least 5,000 commands altogether, unless told otherwise', ({ skip }) => {
    if (process.env['ANNULUS_RUNS'] !== undefined) skip('ANNULUS_RUNS is set')
    expect(total).toBeGreaterThanOrEqual(5_000)
  })
})
