// What a search returns, and how it was answered.
import type { PointId } from './ids.js'
import type { Strategy } from './planner.js'

/** One result of a search. */
export interface Hit<Payload extends object = Record<string, unknown>> {
  readonly id: PointId
  /** Cosine similarity, dot product, Euclidean or Manhattan distance, as the metric says. */
  readonly score: number
  /**
   * Whether the score comes from the original vector, whose checksum then held; otherwise it is the estimate of the codes,
   * with `rescore: 'uncertain'` corrected by the middle of its error.
   */
  readonly exact: boolean
  /** Frozen, because it may be shared with other results. */
  readonly payload?: Readonly<Payload>
  readonly vector?: Float32Array
}

/** How a search was answered. */
export interface SearchDiagnostics {
  readonly strategy: Strategy
  /** Points that pass the filter, or all points. */
  readonly matching: number
  /** Candidates found before rescoring. */
  readonly candidates: number
  /** Original vectors that were read to score candidates. */
  readonly reads: number
  /** Times the search was done again because a write had removed one of its results. */
  readonly retries: number
  /** Milliseconds from call to result, and of its parts. */
  readonly ms: number
  readonly planMs: number
  readonly rankMs: number
  readonly fetchMs: number
}

export interface SearchAnswer {
  readonly hits: Hit<object>[]
  readonly diagnostics: SearchDiagnostics
}
