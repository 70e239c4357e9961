// Which candidates are read: the rule of native searches, for storages in plain TypeScript.
import type { Metric } from './metric.js'
import { native } from './native.js'

/**
 * Which candidates of a search are read:
 * - `all`;
 * - `bounded`: in order of estimate, until hardly a result can be expected among the unread. All results are read.
 * - `uncertain`: of those only the ones of which the codes leave uncertain whether they are results.
 */
export type RescoreRule = 'all' | 'bounded' | 'uncertain'

export interface ReadPlan {
  readonly rescore: RescoreRule
  /** Results wanted, at least 1. */
  readonly limit: number
  /**
   * Share of the results that may be missed, as expected by the error bounds of the codes, from 0 to below 1;
   * default 0.001. Codes without bounds have their candidates read whatever it is.
   */
  readonly loss: number
}

export const defaultLoss = 0.001

/** Candidates in ascending order of their estimates, and what has been read of them; columns of one length. */
export interface CandidateReads {
  readonly estimates: Float32Array
  /** How far true distances lie below their estimates at most; infinite where unknown. */
  readonly below: Float32Array
  readonly above: Float32Array
  /** The best known of each: true where read, else of {@link likelyDistances}. */
  readonly distances: Float32Array
  /** 1 where the true distance is known. */
  readonly read: Uint8Array
}

const rules = ['all', 'bounded', 'uncertain'] as const satisfies readonly RescoreRule[]

export function rescoreNumber(rule: RescoreRule): number {
  return rules.indexOf(rule)
}

/** Indexes of the candidates to read next, ascending; none when enough are read. To be asked after each batch of reads. */
export function nextReads(candidates: CandidateReads, plan: ReadPlan): Uint32Array {
  return native.nextReads(
    candidates.estimates,
    candidates.below,
    candidates.above,
    candidates.distances,
    candidates.read,
    rescoreNumber(plan.rescore),
    plan.limit,
    plan.loss,
  )
}

/** Where true distances most likely lie: in the middle of their bounds, rounded as native searches do. */
export function likelyDistances(
  metric: Metric,
  { estimates, below, above }: Pick<CandidateReads, 'estimates' | 'below' | 'above'>,
): Float32Array {
  const least = metric === 'cosine' || metric === 'dot' ? Number.NEGATIVE_INFINITY : 0
  return estimates.map((estimate, i) => {
    const shift = Math.fround((above[i] ?? 0) - (below[i] ?? 0)) / 2
    return Number.isFinite(shift) ? Math.max(least, estimate + shift) : estimate
  })
}
