// From a query to the nearest slots: candidates from codes, then exact distances from originals.
import {
  AnnulusError,
  type CandidateSource,
  type Metric,
  type PipelineResult,
  type Pool,
  pipelineSearch,
  type ReaderHandle,
  readsNeeded,
} from '@annulus/native'
import type { VectorStorage } from '@annulus/storage'
import type { Coverage, Generation } from './generation.js'
import { Nearest } from './nearest.js'
import type { ParsedSearch } from './options.js'
import type { Strategy } from './planner.js'
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
  readonly filtered: boolean
  readonly generation: Generation | undefined
  /** Where the generation has the matching slots. */
  readonly coverage: Coverage | undefined
}

export interface Ranking {
  readonly slots: Uint32Array
  readonly distances: Float32Array
  /** Slots with estimated distances; all others have exact ones. */
  readonly estimated: SlotSet | undefined
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

const nothing: Ranking = {
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
  const { generation, coverage } = scope
  if (strategy === 'none') return nothing
  const wanted = options.limit + options.offset
  const coded = coverage?.coded.size ?? 0
  if (strategy === 'exact' || generation === undefined || coverage === undefined || coded === 0) {
    return rankExactly(scope, query, scope.matching, wanted, options.signal)
  }
  return generation.use(async () => {
    const parts = { generation, coverage, useGraph: strategy === 'graph' }
    const ranking = await rankCoded(scope, parts, query, options)
    if (coverage.uncoded.size === 0) return ranking
    const rest = await rankExactly(scope, query, coverage.uncoded, wanted, options.signal)
    return merge(ranking, rest, wanted)
  })
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
  query: Float32Array,
  options: ParsedSearch,
): Promise<Ranking> {
  const wanted = options.limit + options.offset
  const inSteps = options.rescore !== false && scope.reader === undefined
  const reader = options.rescore === false ? undefined : scope.reader
  const sources = candidateSources(scope, coded)
  const result = await pipelineSearch(scope.pool, sources, reader, query, {
    metric: scope.metric,
    limit: inSteps ? options.candidates : wanted,
    candidates: options.candidates,
    ef: options.ef,
    bounded: options.rescore === 'bounded',
    signal: options.signal,
  }).catch((error: unknown) => located(scope.storage, error))
  if (inSteps) return rescore(scope, query, result, options)
  return { ...result, estimated: result.exact ? undefined : coded.coverage.coded }
}

/** Native searches know slots; the storage, asked for the same vector, names the file too. */
async function located(storage: VectorStorage, error: unknown): Promise<never> {
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
      source: generation.graphSource(generation.graph),
      allowed: scope.filtered ? scope.matching.words : undefined,
    })
  }
  const scanned = useGraph ? coverage.unlinked : coverage.coded
  if (scanned.size > 0) sources.push({ source: generation.codesSource(), allowed: scanned.words })
  return sources
}

/** Reads as the native operation does, for storages in plain TypeScript. */
async function rescore(
  scope: Scope,
  query: Float32Array,
  found: PipelineResult,
  options: ParsedSearch,
): Promise<Ranking> {
  const wanted = options.limit + options.offset
  const bounded = options.rescore === 'bounded'
  const best = new Nearest(wanted)
  let read = 0
  let needed = bounded ? readsNeeded(found, wanted, 0, 0) : found.slots.length
  while (read < needed) {
    const slots = found.slots.subarray(read, needed)
    best.add(
      slots,
      await scope.storage.score(query, slots, scope.metric, withSignal(options.signal)),
    )
    read = needed
    if (bounded) needed = readsNeeded(found, wanted, read, best.worst)
  }
  return { ...best.candidates(), estimated: undefined, candidates: found.slots.length, reads: read }
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
