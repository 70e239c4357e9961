// From slots and distances to the results a caller sees.
import { type Found, type Metric, scoreOf } from '@annulus/native'
import type { PointId } from './ids.js'
import type { PayloadReader } from './payload-reader.js'
import type { ParsedSearch } from './search-options.js'
import type { Hit } from './search-results.js'

/** Slots and their distances, nearest first. */
export type Ranked = Pick<Found, 'words' | 'slots' | 'floats' | 'distances' | 'count'>

interface Details {
  /** Slots whose distances are estimates. */
  readonly estimated: { has(slot: number): boolean } | undefined
  /** Of the results after the offset. */
  readonly vectors: readonly Float32Array[] | undefined
  /** Gets the slots that have no record. */
  readonly missing: number[]
}

/** The results after the offset, but for those without a record. */
export function hitsOf(
  { payloads, metric }: { readonly payloads: PayloadReader; readonly metric: Metric },
  ranked: Ranked,
  { offset, withPayload }: Pick<ParsedSearch, 'offset' | 'withPayload'>,
  { estimated, vectors, missing }: Details,
): Hit<object>[] {
  const hits: Hit<object>[] = []
  for (let rank = offset; rank < ranked.count; rank++) {
    const slot = ranked.words[ranked.slots + rank] ?? 0
    const content = withPayload ? payloads.content(slot) : undefined
    const id = withPayload ? content?.id : payloads.id(slot)
    if (id === undefined) {
      missing.push(slot)
      continue
    }
    const score = scoreOf(metric, ranked.floats[ranked.distances + rank] ?? Number.NaN)
    const exact = estimated?.has(slot) !== true
    hits.push(hit(id, score, exact, content?.payload, vectors?.[rank - offset]))
  }
  return hits
}

/** Spelt out, because this runs for every result and spreading is ten times slower. */
function hit(
  id: PointId,
  score: number,
  exact: boolean,
  payload: object | undefined,
  vector: Float32Array | undefined,
): Hit<object> {
  if (vector !== undefined) {
    return payload === undefined
      ? { id, score, exact, vector }
      : { id, score, exact, payload, vector }
  }
  return payload === undefined ? { id, score, exact } : { id, score, exact, payload }
}

/** How many of `count` distances, ascending from place `from` on, are scores at least as good as the threshold. */
export function countWithin(
  metric: Metric,
  distances: Float32Array,
  from: number,
  count: number,
  threshold: number | undefined,
): number {
  if (threshold === undefined) return count
  const better = metric === 'cosine' || metric === 'dot' ? 1 : -1
  for (let rank = 0; rank < count; rank++) {
    const score = scoreOf(metric, distances[from + rank] ?? Number.NaN)
    if ((score - threshold) * better < 0) return rank
  }
  return count
}
