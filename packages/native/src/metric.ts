import { AnnulusError } from './errors.js'

/**
 * How nearness is measured. Internally all parts rank by a *distance*, smaller is nearer:
 * cosine −cos, dot −dot, euclidean squared L2, manhattan L1.
 */
export type Metric = 'cosine' | 'dot' | 'euclidean' | 'manhattan'

/** All metrics, in the order of their numbers in the native code. */
export const metrics: readonly Metric[] = ['cosine', 'dot', 'euclidean', 'manhattan']

/** The number the native code knows a metric by. */
export function metricNumber(metric: Metric): number {
  const number = metrics.indexOf(metric)
  if (number < 0) {
    throw new AnnulusError(
      'ANNULUS_INVALID_ARGUMENT',
      `unknown metric ${JSON.stringify(metric)}; use one of ${metrics.join(', ')}`,
    )
  }
  return number
}

/**
 * What users see for a ranking distance: cosine similarity and dot product (larger is better),
 * Euclidean and Manhattan distance (smaller is better).
 */
export function scoreOf(metric: Metric, distance: number): number {
  if (metric === 'euclidean') return Math.sqrt(Math.max(distance, 0))
  return metric === 'manhattan' ? distance : -distance
}

/** The inverse of {@link scoreOf}. */
export function distanceOf(metric: Metric, score: number): number {
  if (metric === 'euclidean') return score * score
  return metric === 'manhattan' ? score : -score
}
