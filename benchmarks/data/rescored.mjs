// What a rule of rescoring reads of candidates, by the functions that searches use.
import { likelyDistances, nextReads } from '@annulus/native'

/**
 * Of the first `ceiling` candidates: `reads`, round trips, and how many of the true neighbours are among the results.
 * @param nearest of `nearestCodes`
 * @param plan as `nextReads` takes it
 */
export function readUntilEnough(nearest, metric, ceiling, plan) {
  const estimates = nearest.estimates.slice(0, ceiling)
  const below = nearest.below.slice(0, ceiling)
  const above = nearest.above.slice(0, ceiling)
  const mixed = plan.rescore === 'uncertain'
  const distances = mixed ? likelyDistances(metric, { estimates, below, above }) : estimates.slice()
  const read = new Uint8Array(estimates.length)
  let reads = 0
  let trips = 0
  for (;;) {
    const next = nextReads({ estimates, below, above, distances, read }, plan)
    if (next.length === 0) break
    trips++
    reads += next.length
    for (const index of next) {
      read[index] = 1
      distances[index] = nearest.exact[index]
    }
  }
  const results = Array.from(distances.keys())
    .filter((index) => mixed || read[index] === 1)
    .sort((a, b) => distances[a] - distances[b])
    .slice(0, plan.limit)
  return { reads, trips, found: results.filter((index) => nearest.good[index]).length }
}
