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
  /** Neighbours of a node in the graph. */
  readonly m: number
  /** The caller wants every matching point compared. */
  readonly exact: boolean
  readonly hasCodes: boolean
  readonly hasGraph: boolean
}

/**
 * A scan compares `matching` codes. A beam that keeps to matching points has to look at about
 * ef × m × points / matching of them before it has seen ef that match, so scanning is cheaper while
 * matching² < ef × m × points.
 */
export function plan(input: PlanInput): Strategy {
  if (input.matching === 0) return 'none'
  if (input.exact || !input.hasCodes) return 'exact'
  if (input.matching <= input.candidates) return 'exact'
  if (!input.hasGraph) return 'scan'
  return input.matching ** 2 < input.ef * input.m * input.points ? 'scan' : 'graph'
}
