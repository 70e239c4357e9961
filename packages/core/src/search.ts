// A search from parsed options to results: filter, plan, rank, fetch, and a check that no write overtook it.

import { AbortError } from '@annulus/native'
import { nowMs } from './clock.js'
import type { BetweenCommits } from './commits.js'
import type { FilterCache, Match } from './filter-cache.js'
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
import { countWithin, hitsOf } from './search-hits.js'
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

/** Codes that a search looks at beside the graph without waiting for all to be in memory. */
const scannedEarlyMax = 1_000

/** A search that was overtaken this often makes the next writes wait. */
const retriesMax = 3

export async function search(
  parts: SearchParts,
  query: Float32Array,
  options: ParsedSearch,
): Promise<SearchAnswer> {
  const begun = await begin(parts, options)
  const ranking = await rank(begun.scope, query, begun.strategy, options)
  return answerFrom(parts, begun, query, ranking, options, nowMs())
}

/** Several searches with one plan, which cross into native code together. */
export async function searchMany(
  parts: SearchParts,
  queries: readonly Float32Array[],
  options: ParsedSearch,
): Promise<SearchAnswer[]> {
  const begun = await begin(parts, options)
  const rankings = await rankMany(begun.scope, queries, begun.strategy, options)
  const ranked = nowMs()
  const answers: SearchAnswer[] = []
  for (const [index, query] of queries.entries()) {
    const ranking = rankings[index] ?? noRanking
    answers.push(await answerFrom(parts, begun, query, ranking, options, ranked))
  }
  return answers
}

/** From a first ranking to the answer; searches again as long as writes overtake it. */
export async function answerFrom(
  parts: SearchParts,
  begun: Begun,
  query: Float32Array,
  ranking: Ranking,
  options: ParsedSearch,
  rankedMs: number,
): Promise<SearchAnswer> {
  const totals = newTotals()
  const attempt = () => searchOnce(parts, query, options, totals)
  let found = await conclude(parts, begun, query, ranking, options, rankedMs, totals)
  let retries = 0
  for (; found.overtaken && retries <= retriesMax; retries++) {
    found = await (retries < retriesMax ? attempt() : parts.betweenCommits(attempt))
  }
  return answerOf(found, totals, retries, begun.startMs)
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
  const begun = await begin(parts, options, true)
  const ranking = await rank(begun.scope, query, begun.strategy, options)
  return conclude(parts, begun, query, ranking, options, nowMs(), totals)
}

/** What a search goes by, once it is planned. */
export interface Begun {
  readonly match: Match
  readonly scope: Scope
  readonly strategy: Strategy
  readonly startMs: number
  readonly plannedMs: number
}

/** @param again after a search was overtaken: of the graph, too, only what is live counts, whatever it still has. */
async function begin(parts: SearchParts, options: ParsedSearch, again = false): Promise<Begun> {
  if (options.signal?.aborted === true) throw new AbortError(options.signal.reason)
  const startMs = nowMs()
  const begun = await planned(parts, options, again)
  const { done } = parts.indexer.loading
  if (done === undefined || goesAhead(begun, options)) {
    return { ...begun, startMs, plannedMs: nowMs() }
  }
  await done
  return { ...(await planned(parts, options, again)), startMs, plannedMs: nowMs() }
}

type Planned = Pick<Begun, 'match' | 'scope' | 'strategy'>

async function planned(
  parts: SearchParts,
  options: ParsedSearch,
  again: boolean,
): Promise<Planned> {
  const match = await matchOf(parts, options)
  const scope = survey(parts, match, again || options.filter !== undefined)
  const strategy = strategyFor(parts.table.live.size, scope, options)
  return { match, scope, strategy }
}

/**
 * Whether it need not wait for codes that are still being read and checked: it looks at none, or walks through the graph,
 * which reads those it needs, and then compares what it has found with originals.
 */
function goesAhead({ scope, strategy }: Planned, { rescore }: ParsedSearch): boolean {
  if (strategy === 'exact' || strategy === 'none') return true
  const scanned = scope.coverage?.unlinked.size ?? 0
  const rescores = rescore === 'bounded' || rescore === true
  return strategy === 'graph' && rescores && !scope.filtered && scanned <= scannedEarlyMax
}

export function strategyFor(
  points: number,
  { matching, generation }: Pick<Scope, 'matching' | 'generation'>,
  options: ParsedSearch,
): Strategy {
  return plan({
    matching: matching.size,
    points,
    candidates:
      typeof options.rescore === 'string' ? options.limit + options.offset : options.candidates,
    ef: options.ef,
    exact: options.exact,
    hasCodes: (generation?.encoded ?? 0) > 0,
    hasGraph: generation?.graph !== undefined && generation.linked > 0,
  })
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
function survey(parts: SearchParts, { set }: Match, filtered: boolean): Scope {
  const generation = parts.indexer.current
  return {
    pool: parts.pool,
    storage: parts.storage,
    reader: parts.reader,
    metric: parts.metric,
    matching: set,
    filtered,
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
  const { slots, distances, estimated } = ranking
  const count = countWithin(metric, distances, 0, slots.length, options.scoreThreshold)
  const shown = Array.from(slots.subarray(options.offset, count))
  const vectors = options.withVector
    ? await readVectors(parts.storage, shown, options.signal)
    : undefined
  const prepared = payloads.prepare(shown, options.withPayload)
  if (prepared !== undefined) await prepared
  const overtaken = !table.live.hasAll(slots, 0, count)
  const ranked = { words: slots, slots: 0, floats: distances, distances: 0, count }
  const missing: number[] = []
  const hits = hitsOf(parts, ranked, options, { estimated, vectors, missing })
  if (missing.length > 0) await payloads.expectDead(missing)
  return { hits, overtaken: overtaken || missing.length > 0 }
}
