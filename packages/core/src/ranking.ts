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
import type { Generation } from './generation.js'
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
  /** One past the last slot. */
  readonly slots: number
  readonly generation: Generation | undefined
  readonly linked: number
  readonly encoded: number
}

export interface Ranking {
  readonly slots: Uint32Array
  readonly distances: Float32Array
  /** Slots from this one on have exact distances; 0 when all have. */
  readonly exactFrom: number
  readonly candidates: number
  readonly reads: number
}

/** Slots scored at once by an exact search: one step of the event loop each. */
const exactStep = 32_768

const nothing: Ranking = {
  slots: new Uint32Array(),
  distances: new Float32Array(),
  exactFrom: 0,
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
  const { generation } = scope
  if (strategy === 'none') return nothing
  const wanted = options.limit + options.offset
  if (strategy === 'exact' || generation === undefined) {
    return rankExactly(scope, query, 0, wanted, options.signal)
  }
  return generation.use(async () => {
    const coded = await rankCoded(scope, generation, query, strategy === 'graph', options)
    if (scope.encoded >= scope.slots) return coded
    const rest = await rankExactly(scope, query, scope.encoded, wanted, options.signal)
    return merge(coded, rest, wanted)
  })
}

/** Compares every matching slot from `from` on with its original vector. */
export async function rankExactly(
  scope: Pick<Scope, 'storage' | 'metric' | 'matching' | 'slots'>,
  query: Float32Array,
  from: number,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<Ranking> {
  const nearest = new Nearest(wanted)
  let reads = 0
  for (let first = from; first < scope.slots; first += exactStep) {
    const slots = scope.matching.slots(first, Math.min(scope.slots, first + exactStep))
    if (slots.length === 0) continue
    nearest.add(slots, await scope.storage.score(query, slots, scope.metric, withSignal(signal)))
    reads += slots.length
  }
  return { ...nearest.candidates(), exactFrom: 0, candidates: reads, reads }
}

/** Two rankings of different slots as one. */
export function merge(a: Ranking, b: Ranking, wanted: number): Ranking {
  if (b.slots.length === 0) return a
  const nearest = new Nearest(wanted)
  nearest.add(a.slots, a.distances)
  nearest.add(b.slots, b.distances)
  return {
    ...nearest.candidates(),
    exactFrom: Math.max(a.exactFrom, b.exactFrom),
    candidates: a.candidates + b.candidates,
    reads: a.reads + b.reads,
  }
}

/** Candidates from codes; their originals in the same native operation where the storage has a reader table. */
async function rankCoded(
  scope: Scope,
  generation: Generation,
  query: Float32Array,
  useGraph: boolean,
  options: ParsedSearch,
): Promise<Ranking> {
  const wanted = options.limit + options.offset
  const inSteps = options.rescore !== false && scope.reader === undefined
  const reader = options.rescore === false ? undefined : scope.reader
  const sources = candidateSources(scope, generation, useGraph)
  const result = await pipelineSearch(scope.pool, sources, reader, query, {
    metric: scope.metric,
    limit: inSteps ? options.candidates : wanted,
    candidates: options.candidates,
    ef: options.ef,
    bounded: options.rescore === 'bounded',
    signal: options.signal,
  }).catch((error: unknown) => located(scope.storage, error))
  if (inSteps) return rescore(scope, query, result, options)
  return { ...result, exactFrom: result.exact ? 0 : scope.encoded }
}

/** Native searches know slots; the storage, asked for the same vector, names the file too. */
async function located(storage: VectorStorage, error: unknown): Promise<never> {
  const slot = error instanceof AnnulusError ? error.details['slot'] : undefined
  if (typeof slot === 'number') await storage.read(Uint32Array.of(slot))
  throw error
}

function candidateSources(
  scope: Scope,
  generation: Generation,
  useGraph: boolean,
): CandidateSource[] {
  const from = useGraph ? scope.linked : 0
  const sources: CandidateSource[] = []
  if (useGraph && generation.graph !== undefined) {
    sources.push({
      source: generation.graphSource(generation.graph),
      allowed: scope.filtered ? scope.matching.words : undefined,
    })
  }
  if (from < scope.encoded) {
    const all = from === 0 && scope.encoded === scope.slots
    const allowed = all ? scope.matching.words : scope.matching.range(from, scope.encoded).words
    sources.push({ source: generation.codesSource(), allowed })
  }
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
  return { ...best.candidates(), exactFrom: 0, candidates: found.slots.length, reads: read }
}

function withSignal(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
