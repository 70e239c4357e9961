// Which way a search goes.

/**
 * - `none`: no point can match.
 * - `exact`: original vectors of all matching points.
 * - `scan`: codes of all matching points, then originals of the best.
 * - `graph`: a beam over the graph (and a scan of what is not linked yet), then originals of the best.
 */
export type Strategy = 'none' | 'exact' | 'scan' | 'graph'

export interface PlanInput {
  /** Points that pass the filter, or all points. */
  readonly matching: number
  /** Points in the collection. */
  readonly points: number
  /** Candidates that will be read in any case. */
  readonly candidates: number
  readonly ef: number
  /** The caller wants every matching point compared. */
  readonly exact: boolean
  readonly hasCodes: boolean
  readonly hasGraph: boolean
}

/**
 * Costs of each place in the beam, as multiples of what a scan pays for a code: of a walk through all nodes, which
 * meets points / matching times as many for the same results, and of one that passes through others to those that
 * match, which few of them do not lead to. As measured for native/strategy.cpp of @annulus/hnsw, which decides
 * between the two walks, and gives them up for a scan where filter and query exclude each other.
 */
const walkPerPlace = 20
const twoHopsPerPlace = 100
const twoHopShare = 0.03

export function plan(input: PlanInput): Strategy {
  const { matching, points, ef } = input
  if (matching === 0) return 'none'
  if (input.exact || !input.hasCodes) return 'exact'
  if (matching <= input.candidates) return 'exact'
  if (!input.hasGraph) return 'scan'
  const share = matching / points
  const walk = (walkPerPlace * ef) / share
  const twoHops = share < twoHopShare ? Number.POSITIVE_INFINITY : twoHopsPerPlace * ef
  return matching <= Math.min(walk, twoHops) ? 'scan' : 'graph'
}
