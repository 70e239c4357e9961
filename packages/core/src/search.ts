// A search from parsed options to results: filter, plan, rank, fetch, and a check that no write overtook it.

import { AbortError, type Metric, scoreOf } from '@annulus/native'
import { nowMs } from './clock.js'
import type { BetweenCommits } from './commits.js'
import type { FilterCache, Match } from './filter-cache.js'
import type { PointId } from './ids.js'
import type { Indexer } from './indexer.js'
import type { PayloadReader } from './payload-reader.js'
import { plan, type Strategy } from './planner.js'
import { readVectors } from './point-reading.js'
import {
  merge,
  noRanking,
  type Ranking,
  rank,
  rankExactly,
  rankMany,
  type Scope,
} from './ranking.js'
import type { ParsedSearch } from './search-options.js'
import type { Hit, SearchAnswer } from './search-results.js'
import type { SlotTable } from './slot-table.js'

export interface SearchParts extends Pick<Scope, 'pool' | 'storage' | 'reader' | 'metric'> {
  readonly table: SlotTable
  readonly indexer: Indexer
  readonly filters: FilterCache
  readonly payloads: PayloadReader
  readonly betweenCommits: BetweenCommits
}

/** A search that was overtaken this often makes the next writes wait. */
const retriesMax = 3

export async function search(
  parts: SearchParts,
  query: Float32Array,
  options: ParsedSearch,
): Promise<SearchAnswer> {
  const start = nowMs()
  const totals = newTotals()
  const attempt = () => searchOnce(parts, query, options, totals)
  let found = await attempt()
  let retries = 0
  for (; found.overtaken && retries <= retriesMax; retries++) {
    found = await (retries < retriesMax ? attempt() : parts.betweenCommits(attempt))
  }
  return answerOf(found, totals, retries, start)
}

/** Several searches with one plan, which cross into native code together. */
export async function searchMany(
  parts: SearchParts,
  queries: readonly Float32Array[],
  options: ParsedSearch,
): Promise<SearchAnswer[]> {
  const start = nowMs()
  const begun = await begin(parts, options)
  const rankings = await rankMany(begun.scope, queries, begun.strategy, options)
  const ranked = nowMs()
  const answers: SearchAnswer[] = []
  for (const [index, query] of queries.entries()) {
    const totals = newTotals()
    const found = await conclude(
      parts,
      begun,
      query,
      rankings[index] ?? noRanking,
      options,
      ranked,
      totals,
    )
    answers.push(
      found.overtaken ? await search(parts, query, options) : answerOf(found, totals, 0, start),
    )
  }
  return answers
}

function answerOf(found: Attempt, totals: Totals, retries: number, start: number): SearchAnswer {
  const { strategy, matching, hits } = found
  return { hits, diagnostics: { strategy, matching, retries, ...totals, ms: nowMs() - start } }
}

interface Totals {
  candidates: number
  reads: number
  planMs: number
  rankMs: number
  fetchMs: number
}

function newTotals(): Totals {
  return { candidates: 0, reads: 0, planMs: 0, rankMs: 0, fetchMs: 0 }
}

interface Attempt {
  readonly strategy: Strategy
  readonly matching: number
  readonly hits: Hit<object>[]
  /** A write removed one of the results before they could be handed out. */
  readonly overtaken: boolean
}

async function searchOnce(
  parts: SearchParts,
  query: Float32Array,
  options: ParsedSearch,
  totals: Totals,
): Promise<Attempt> {
  const begun = await begin(parts, options)
  const ranking = await rank(begun.scope, query, begun.strategy, options)
  return conclude(parts, begun, query, ranking, options, nowMs(), totals)
}

/** What a search goes by, once it is planned. */
interface Begun {
  readonly match: Match
  readonly scope: Scope
  readonly strategy: Strategy
  readonly startMs: number
  readonly plannedMs: number
}

async function begin(parts: SearchParts, options: ParsedSearch): Promise<Begun> {
  if (options.signal?.aborted === true) throw new AbortError(options.signal.reason)
  const startMs = nowMs()
  parts.indexer.waiting.searched()
  const match = await matchOf(parts, options)
  const scope = survey(parts, match, options)
  const strategy = plan({
    matching: scope.matching.size,
    points: parts.table.live.size,
    candidates:
      typeof options.rescore === 'string' ? options.limit + options.offset : options.candidates,
    ef: options.ef,
    exact: options.exact,
    hasCodes: (scope.generation?.encoded ?? 0) > 0,
    hasGraph: scope.generation?.graph !== undefined && scope.generation.linked > 0,
  })
  return { match, scope, strategy, startMs, plannedMs: nowMs() }
}

/** From a ranking to results, with what has been overwritten meanwhile; adds to `totals`. */
async function conclude(
  parts: SearchParts,
  { match, scope, strategy, startMs, plannedMs }: Begun,
  query: Float32Array,
  found: Ranking,
  options: ParsedSearch,
  rankedMs: number,
  totals: Totals,
): Promise<Attempt> {
  let ranking = found
  if (parts.table.removals !== match.removals) {
    // An overwritten point has left its old slot: look where it went.
    const now = await matchOf(parts, options)
    const wanted = options.limit + options.offset
    const added = now.set.without(scope.matching)
    const moved = await rankExactly(scope, query, added, wanted, options.signal)
    ranking = merge(ranking, moved, wanted)
  }
  const { hits, overtaken } = await fetch(parts, ranking, options)
  totals.candidates += ranking.candidates
  totals.reads += ranking.reads
  totals.planMs += plannedMs - startMs
  totals.rankMs += rankedMs - plannedMs
  totals.fetchMs += nowMs() - rankedMs
  return { strategy, matching: scope.matching.size, hits, overtaken }
}

async function matchOf({ table, filters }: SearchParts, options: ParsedSearch): Promise<Match> {
  if (options.filter === undefined) return { set: table.frozen(), removals: table.removals }
  return filters.match(options.filter, options.signal)
}

/** The state that a search goes by. */
function survey(parts: SearchParts, { set }: Match, options: ParsedSearch): Scope {
  const generation = parts.indexer.current
  return {
    pool: parts.pool,
    storage: parts.storage,
    reader: parts.reader,
    metric: parts.metric,
    matching: set,
    filtered: options.filter !== undefined,
    generation,
    coverage: generation?.coverage(set, parts.table.slots),
  }
}

/** Ids, payloads and vectors of the results that the caller wants to see. */
async function fetch(
  parts: SearchParts,
  ranking: Ranking,
  options: ParsedSearch,
): Promise<{ hits: Hit<object>[]; overtaken: boolean }> {
  const { payloads, table, metric } = parts
  const kept = withinThreshold(ranking, metric, options.scoreThreshold)
  const shown: number[] = []
  for (let rank = options.offset; rank < kept; rank++) shown.push(ranking.slots[rank] ?? 0)
  const vectors = options.withVector
    ? await readVectors(parts.storage, shown, options.signal)
    : undefined
  const prepared = payloads.prepare(shown, options.withPayload)
  if (prepared !== undefined) await prepared
  let overtaken = false
  for (let rank = 0; rank < kept; rank++) overtaken ||= !table.live.has(ranking.slots[rank] ?? 0)
  const hits: Hit<object>[] = []
  const missing: number[] = []
  for (let rank = 0; rank < shown.length; rank++) {
    const slot = shown[rank] ?? 0
    const content = options.withPayload ? payloads.content(slot) : undefined
    const id = options.withPayload ? content?.id : payloads.id(slot)
    if (id === undefined) {
      missing.push(slot)
      continue
    }
    const score = scoreOf(metric, ranking.distances[options.offset + rank] ?? Number.NaN)
    const exact = ranking.estimated?.has(slot) !== true
    hits.push(hit(id, score, exact, content?.payload, vectors?.[rank]))
  }
  if (missing.length > 0) await payloads.expectDead(missing)
  return { hits, overtaken: overtaken || missing.length > 0 }
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

/** Number of ranked slots whose score is at least as good as the threshold. */
function withinThreshold(ranking: Ranking, metric: Metric, threshold: number | undefined): number {
  if (threshold === undefined) return ranking.slots.length
  const better = metric === 'cosine' || metric === 'dot' ? 1 : -1
  const end = ranking.distances.findIndex(
    (distance) => (scoreOf(metric, distance) - threshold) * better < 0,
  )
  return end < 0 ? ranking.slots.length : end
}
