import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commands, Model, Real } from './model.js'
import { directory, lastingMemory } from './world.js'

/** Long soaks set ANNULUS_SEED and more runs; the usual run is the same each time. */
const seed = Number(process.env['ANNULUS_SEED'] ?? 20_240_607)
const numRuns = Number(process.env['ANNULUS_RUNS'] ?? 30)

let total = 0

describe('a collection does what a map and brute force do', () => {
  it.each(['cosine', 'dot', 'euclidean', 'manhattan'] as const)(
    '%s',
    async (metric) => {
      let wanted = 0
      let found = 0
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
          wanted += model.wanted
          found += model.found
        }),
        { seed, numRuns, endOnFailure: false },
      )
      // Approximate searches may miss a little.
      expect(found / wanted).toBeGreaterThan(0.99)
    },
    300_000,
  )

  it('in at least 5,000 commands altogether, unless told otherwise', ({ skip }) => {
    if (process.env['ANNULUS_RUNS'] !== undefined) skip('ANNULUS_RUNS is set')
    expect(total).toBeGreaterThanOrEqual(5_000)
  })
})
