// From a query to the nearest slots: candidates from codes, then exact distances from originals.
import {
  AnnulusError,
  type CandidateSource,
  likelyDistances,
  type Metric,
  nextReads,
  type PipelineOptions,
  type PipelineResult,
  type Pool,
  pipelineSearchMany,
  type ReaderHandle,
  type ReadPlan,
} from '@annulus/native'
import type { VectorStorage } from '@annulus/storage'
import type { Coverage } from './coverage.js'
import type { Generation } from './generation.js'
import { Nearest } from './nearest.js'
import type { Strategy } from './planner.js'
import type { ParsedSearch } from './search-options.js'
import type { SlotSet } from './slot-set.js'

/** The state of a collection that one ranking goes by: fixed when it starts. */
export interface Scope {
  readonly pool: Pool
  readonly storage: VectorStorage
  /** The storage's own reader table, if it has one. */
  readonly reader: ReaderHandle | undefined
  readonly metric: Metric
  /** Live slots that pass the filter; later writes leave it alone. */
  readonly matching: SlotSet
  /** Whether the graph has nodes that do not match. */
  readonly filtered: boolean
  readonly generation: Generation | undefined
  /** Where the generation has the matching slots. */
  readonly coverage: Coverage | undefined
}

export interface Ranking {
  readonly slots: Uint32Array
  readonly distances: Float32Array
  /** Slots with estimated distances; all others have exact ones. */
  readonly estimated: { has(slot: number): boolean } | undefined
  readonly candidates: number
  readonly reads: number
}

/** The codes that a ranking goes by. */
interface Coded {
  readonly generation: Generation
  readonly coverage: Coverage
  readonly useGraph: boolean
}

/** Slots scored at once by an exact search: one step of the event loop each. */
const exactStep = 32_768

export const noRanking: Ranking = {
  slots: new Uint32Array(),
  distances: new Float32Array(),
  estimated: undefined,
  candidates: 0,
  reads: 0,
}

/** The best `limit + offset` slots, nearest first. */
export async function rank(
  scope: Scope,
  query: Float32Array,
  strategy: Strategy,
  options: ParsedSearch,
): Promise<Ranking> {
  const [ranking = noRanking] = await rankMany(scope, [query], strategy, options)
  return ranking
}

/** The same for several queries, which cross into native code once. */
export async function rankMany(
  scope: Scope,
  queries: readonly Float32Array[],
  strategy: Strategy,
  options: ParsedSearch,
): Promise<Ranking[]> {
  const { generation, coverage } = scope
  if (strategy === 'none') return queries.map(() => noRanking)
  const wanted = options.limit + options.offset
  const exactly = (query: Float32Array, set: SlotSet) =>
    rankExactly(scope, query, set, wanted, options.signal)
  const coded = coverage?.coded.size ?? 0
  if (strategy === 'exact' || generation === undefined || coverage === undefined || coded === 0) {
    return eachOf(queries, (query) => exactly(query, scope.matching))
  }
  return generation.use(async () => {
    const parts = { generation, coverage, useGraph: strategy === 'graph' }
    const rankings = await rankCoded(scope, parts, queries, options)
    if (coverage.uncoded.size === 0) return rankings
    return eachOf(queries, async (query, index) => {
      const rest = await exactly(query, coverage.uncoded)
      return merge(rankings[index] ?? noRanking, rest, wanted)
    })
  })
}

/** One after the other: each is work for all threads, or waits for the same disk. */
async function eachOf(
  queries: readonly Float32Array[],
  work: (query: Float32Array, index: number) => Promise<Ranking>,
): Promise<Ranking[]> {
  const rankings: Ranking[] = []
  for (const [index, query] of queries.entries()) rankings.push(await work(query, index))
  return rankings
}

/** Compares every slot of a set with its original vector. */
export async function rankExactly(
  scope: Pick<Scope, 'storage' | 'metric'>,
  query: Float32Array,
  set: SlotSet,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<Ranking> {
  const nearest = new Nearest(wanted)
  let reads = 0
  const end = set.words.length * 32
  for (let first = 0; first < end && reads < set.size; first += exactStep) {
    const slots = set.slots(first, first + exactStep)
    if (slots.length === 0) continue
    nearest.add(slots, await scope.storage.score(query, slots, scope.metric, withSignal(signal)))
    reads += slots.length
  }
  return { ...nearest.candidates(), estimated: undefined, candidates: reads, reads }
}

/** Two rankings of different slots as one. */
export function merge(a: Ranking, b: Ranking, wanted: number): Ranking {
  if (b.slots.length === 0) return a
  const nearest = new Nearest(wanted)
  nearest.add(a.slots, a.distances)
  nearest.add(b.slots, b.distances)
  return {
    ...nearest.candidates(),
    estimated: a.estimated ?? b.estimated,
    candidates: a.candidates + b.candidates,
    reads: a.reads + b.reads,
  }
}

/** Candidates from codes; their originals in the same native operation where the storage has a reader table. */
async function rankCoded(
  scope: Scope,
  coded: Coded,
  queries: readonly Float32Array[],
  options: ParsedSearch,
): Promise<Ranking[]> {
  const wanted = options.limit + options.offset
  const inSteps = options.rescore !== false && scope.reader === undefined
  const reader = options.rescore === false ? undefined : scope.reader
  const sources = candidateSources(scope, coded)
  const plan = readPlan(options)
  const pipeline = pipelineOptions(scope.metric, options, inSteps ? options.candidates : wanted)
  let results: PipelineResult[]
  try {
    results = await pipelineSearchMany(scope.pool, sources, reader, onEnd(queries), pipeline)
  } catch (error) {
    return located(scope.storage, error)
  }
  if (inSteps) {
    return eachOf(queries, (query, index) => rescore(scope, query, results[index], plan, options))
  }
  return results.map((result) => {
    const { slots, distances, candidates, reads } = result
    const estimated = reader === undefined ? coded.coverage.coded : estimatedOf(result)
    return { slots, distances, candidates, reads, estimated }
  })
}

/** How native code searches. */
export function pipelineOptions(
  metric: Metric,
  options: ParsedSearch,
  limit: number,
): PipelineOptions {
  const { candidates, ef, signal } = options
  return { ...readPlan(options), metric, limit, candidates, ef, signal }
}

/** What is read, and what native code may leave out. */
function readPlan({ rescore, loss, limit, offset }: ParsedSearch): ReadPlan {
  const rule = typeof rescore === 'string' ? rescore : 'all'
  return { rescore: rule, loss, limit: limit + offset }
}

function estimatedOf({ slots, exact }: PipelineResult): Set<number> | undefined {
  if (!exact.includes(0)) return undefined
  return new Set(slots.filter((_, index) => exact[index] === 0))
}

function onEnd(queries: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array()] = queries
  if (queries.length === 1) return first
  const all = new Float32Array(queries.length * first.length)
  for (const [index, query] of queries.entries()) all.set(query, index * first.length)
  return all
}

/** Native searches know slots; the storage, asked for the same vector, names the file too. */
export async function located(storage: VectorStorage, error: unknown): Promise<never> {
  const slot = error instanceof AnnulusError ? error.details['slot'] : undefined
  if (typeof slot === 'number') await storage.read(Uint32Array.of(slot))
  throw error
}

function candidateSources(
  scope: Scope,
  { generation, coverage, useGraph }: Coded,
): CandidateSource[] {
  const sources: CandidateSource[] = []
  if (useGraph && generation.graph !== undefined) {
    sources.push({
      source: generation.sources.graph(generation.graph),
      allowed: scope.filtered ? scope.matching.words : undefined,
    })
  }
  const scanned = useGraph ? coverage.unlinked : coverage.coded
  if (scanned.size > 0) sources.push({ source: generation.sources.codes(), allowed: scanned.words })
  return sources
}

/** Reads as the native operation does, for storages in plain TypeScript. */
async function rescore(
  { storage, metric }: Scope,
  query: Float32Array,
  found: PipelineResult | undefined,
  plan: ReadPlan,
  options: ParsedSearch,
): Promise<Ranking> {
  if (found === undefined) return noRanking
  const { slots, distances: estimates, below, above } = found
  const mixed = plan.rescore === 'uncertain'
  const distances = mixed ? likelyDistances(metric, { estimates, below, above }) : estimates.slice()
  const read = new Uint8Array(slots.length)
  const known = { estimates, below, above, distances, read }
  let reads = 0
  for (;;) {
    const next = nextReads(known, plan)
    if (next.length === 0) break
    const batch = next.map((index) => slots[index] ?? 0)
    const exact = await storage.score(query, batch, metric, withSignal(options.signal))
    for (const [i, index] of next.entries()) {
      distances[index] = exact[i] ?? Number.POSITIVE_INFINITY
      read[index] = 1
    }
    reads += next.length
  }
  const best = new Nearest(plan.limit)
  // But for `uncertain`, only what was read counts, which comes first.
  const ranked = mixed ? slots.length : reads
  best.add(slots.subarray(0, ranked), distances.subarray(0, ranked))
  const estimated = new Set(slots.filter((_, index) => read[index] === 0))
  return {
    ...best.candidates(),
    estimated: mixed ? estimated : undefined,
    candidates: slots.length,
    reads,
  }
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
