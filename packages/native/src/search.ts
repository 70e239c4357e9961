import { withAbort } from './abort.js'
import { type Metric, metricNumber } from './metric.js'
import { native, type PlanArguments, type ReaderHandle, type SourceHandle } from './native.js'
import type { Pool } from './pool.js'
import { defaultLoss, type ReadPlan, rescoreNumber } from './read-plan.js'

/** A part of a collection to take candidates from, and which of its slots count (all if left out). */
export interface CandidateSource {
  readonly source: SourceHandle
  /** Bitmap: bit s % 32 of word s / 32 allows slot s. Must not change while the search runs. */
  readonly allowed?: Uint32Array | undefined
}

/** Options of a search; which candidates are read by default: all. */
export interface PipelineOptions extends Partial<Pick<ReadPlan, 'rescore' | 'loss'>> {
  readonly metric: Metric
  /** Results wanted, at least 1. */
  readonly limit: number
  /** Candidates taken from the codes and rescored, at least `limit`. */
  readonly candidates: number
  /** Beam width of a graph source. */
  readonly ef: number
  /** Lets other work of the pool go first; default false. */
  readonly background?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface PipelineResult {
  /** Nearest first. */
  readonly slots: Uint32Array
  /**
   * Ranking distances of `slots`: from the original vector where `exact` is 1. Else the estimate of the code, or with
   * a reader what it is most likely to be (the middle of its bounds).
   */
  readonly distances: Float32Array
  readonly exact: Uint8Array
  /** Without a reader: how far true distances lie below their estimates at most; infinite where unknown. */
  readonly below: Float32Array
  /** The same for above. */
  readonly above: Float32Array
  /** Candidates that the sources gave. */
  readonly candidates: number
  /** Original vectors read. */
  readonly reads: number
}

/**
 * Candidates from codes, then exact distances from the original vectors, in one native operation: no
 * JavaScript runs in between. Without `reader` the estimates are the result.
 */
export async function pipelineSearch(
  pool: Pool,
  sources: readonly CandidateSource[],
  reader: ReaderHandle | undefined,
  query: Float32Array,
  options: PipelineOptions,
): Promise<PipelineResult> {
  return resultAt(await run(pool, sources, reader, query, options), 0)
}

/**
 * As {@link pipelineSearch} for several queries on end, which cross into native code and back once, and
 * run side by side on the pool. Rejects if one of them fails.
 *
 * @returns what each query found, in their order.
 */
export async function pipelineSearchMany(
  pool: Pool,
  sources: readonly CandidateSource[],
  reader: ReaderHandle | undefined,
  queries: Float32Array,
  options: PipelineOptions,
): Promise<PipelineResult[]> {
  const words = await run(pool, sources, reader, queries, options)
  const results: PipelineResult[] = []
  for (let at = 0; at < words.length; ) {
    results.push(resultAt(words, at))
    const [found, outcome] = [words[at] ?? 0, words[at + 3] ?? 0]
    at += headerWords + (columns[outcome] ?? 0) * found
  }
  return results
}

const headerWords = 4
/** Outcomes of a search as native code numbers them. */
const estimates = 0
const exactOnly = 1
/** Columns of a result by outcome: slots, distances, and bounds or marks of exact ones. */
const columns = [4, 2, 3]
const noBounds = new Float32Array()

function run(
  pool: Pool,
  sources: readonly CandidateSource[],
  reader: ReaderHandle | undefined,
  queries: Float32Array,
  options: PipelineOptions,
): Promise<Uint32Array> {
  const plan = planArguments(pool, sources, reader, options)
  return withAbort(options.signal, (flag) => native.search(...plan, queries, flag))
}

/** @internal */
export function planArguments(
  pool: Pool,
  sources: readonly CandidateSource[],
  reader: ReaderHandle | undefined,
  options: PipelineOptions,
): PlanArguments {
  const parts: (SourceHandle | Uint32Array | undefined)[] = []
  for (const { source, allowed } of sources) parts.push(source, allowed)
  return [
    pool.handle,
    parts,
    reader,
    metricNumber(options.metric),
    options.limit,
    options.candidates,
    options.ef,
    rescoreNumber(options.rescore ?? 'all'),
    options.loss ?? defaultLoss,
    options.background ?? false,
  ]
}

function resultAt(words: Uint32Array, at: number): PipelineResult {
  // One by one: iterating costs several times as much, for every search.
  const [found, reads] = [words[at] ?? 0, words[at + 1] ?? 0]
  const [candidates, outcome] = [words[at + 2] ?? 0, words[at + 3] ?? 0]
  const first = at + headerWords
  const floats = (column: number) =>
    new Float32Array(words.buffer, words.byteOffset + 4 * (first + column * found), found)
  const marks = () => Uint8Array.from(words.subarray(first + 2 * found, first + 3 * found))
  const hasBounds = outcome === estimates
  return {
    slots: words.subarray(first, first + found),
    distances: floats(1),
    exact: outcome > exactOnly ? marks() : new Uint8Array(found).fill(outcome),
    below: hasBounds ? floats(2) : noBounds,
    above: hasBounds ? floats(3) : noBounds,
    candidates,
    reads,
  }
}
