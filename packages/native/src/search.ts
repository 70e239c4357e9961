import { withAbort } from './abort.js'
import { type Metric, metricNumber } from './metric.js'
import { native, type ReaderHandle, type SourceHandle } from './native.js'
import type { Pool } from './pool.js'

/** A part of a collection to take candidates from, and which of its slots count (all if left out). */
export interface CandidateSource {
  readonly source: SourceHandle
  /** Bitmap: bit s % 32 of word s / 32 allows slot s. Must not change while the search runs. */
  readonly allowed?: Uint32Array | undefined
}

export interface PipelineOptions {
  readonly metric: Metric
  /** Results wanted, at least 1. */
  readonly limit: number
  /** Candidates taken from the codes and rescored, at least `limit`. */
  readonly candidates: number
  /** Beam width of a graph source. */
  readonly ef: number
  /**
   * Read candidates in order of estimate and stop where at most a thousandth of the results can be expected
   * among the unread, by the error bounds of the codes; a code without bounds has all its candidates read.
   */
  readonly bounded?: boolean | undefined
  /** Lets other work of the pool go first; default false. */
  readonly background?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface PipelineResult {
  /** Nearest first. */
  readonly slots: Uint32Array
  /** Ranking distances of `slots`; exact when `exact`, else the estimates of the codes. */
  readonly distances: Float32Array
  readonly exact: boolean
  /** How far true distances lie below estimates at most; infinite where unknown, empty when `exact`. */
  readonly bounds: Float32Array
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
    const result = resultAt(words, at)
    results.push(result)
    at += headerWords + (result.exact ? 2 : 3) * result.slots.length
  }
  return results
}

const headerWords = 4

function run(
  pool: Pool,
  sources: readonly CandidateSource[],
  reader: ReaderHandle | undefined,
  queries: Float32Array,
  options: PipelineOptions,
): Promise<Uint32Array> {
  const parts: (SourceHandle | Uint32Array | undefined)[] = []
  for (const { source, allowed } of sources) parts.push(source, allowed)
  return withAbort(options.signal, (flag) =>
    native.search(
      pool.handle,
      parts,
      reader,
      queries,
      metricNumber(options.metric),
      options.limit,
      options.candidates,
      options.ef,
      options.bounded ?? false,
      options.background ?? false,
      flag,
    ),
  )
}

function resultAt(words: Uint32Array, at: number): PipelineResult {
  const [found = 0, reads = 0, candidates = 0, exact = 0] = words.subarray(at, at + headerWords)
  const first = at + headerWords
  const floats = (column: number, length: number) =>
    new Float32Array(words.buffer, words.byteOffset + 4 * (first + column * found), length)
  return {
    slots: words.subarray(first, first + found),
    distances: floats(1, found),
    exact: exact === 1,
    bounds: floats(2, exact === 1 ? 0 : found),
    candidates,
    reads,
  }
}

/**
 * Of candidates in ascending order of estimate, how many bounded rescoring must have read before it may
 * stop: the rule of `pipelineSearch`, for storages in plain TypeScript.
 *
 * @param read candidates that were read, from the first on.
 * @param worst true distance of the last of the `limit` best among them; any number when none was read.
 */
export function readsNeeded(
  { distances, bounds }: Pick<PipelineResult, 'distances' | 'bounds'>,
  limit: number,
  read: number,
  worst: number,
): number {
  return native.readsNeeded(distances, bounds, limit, read, worst)
}
