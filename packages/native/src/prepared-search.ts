// Searches of one kind: what they share crosses into native code once, each query by itself, and results of several
// searches come back in one call.
import { native, type ReaderHandle } from './native.js'
import type { Pool } from './pool.js'
import { type CandidateSource, type PipelineOptions, planArguments } from './search.js'

/** What a search found: `count` slots from `words[slots]` on, their exact distances from `floats[distances]` on, nearest first. */
export interface Found {
  /** Overwritten once the receiver has returned, as are `floats`, which are the same memory. */
  words: Uint32Array
  floats: Float32Array
  slots: number
  distances: number
  count: number
  candidates: number
  reads: number
}

/** Takes the outcome of one search; must not throw. */
export interface Receiver {
  /** @param query a copy of the query, as it was when the search began; only until this returns */
  found(found: Found, query: () => Float32Array): void
  failed(error: unknown): void
}

const headerWords = 5
/** By ticket. Tickets are numbers from 0 on, as many as there were ever searches under way at once. */
const receivers: (Receiver | undefined)[] = []
const found: Found = {
  words: new Uint32Array(),
  floats: new Float32Array(),
  slots: 0,
  distances: 0,
  count: 0,
  candidates: 0,
  reads: 0,
}

native.onFound((words, results) => {
  if (found.words.buffer !== words.buffer) {
    found.words = words
    found.floats = new Float32Array(words.buffer)
  }
  for (let at = 0, result = 0; result < results; result++) {
    const ticket = words[at] ?? 0
    const count = words[at + 2] ?? 0
    found.slots = at + headerWords
    found.distances = found.slots + count
    found.count = count
    found.reads = words[at + 3] ?? 0
    found.candidates = words[at + 4] ?? 0
    const failed = words[at + 1] !== 0
    at = found.distances + count
    const receiver = receivers[ticket]
    receivers[ticket] = undefined
    if (failed) receiver?.failed(native.failureOf(ticket))
    else receiver?.found(found, () => native.queryOf(ticket))
  }
})

/**
 * Candidates from codes, then exact distances from the original vectors, as `pipelineSearch` of the same arguments: without
 * bitmaps, signal, or distances that are estimates.
 */
export class PreparedSearch {
  readonly #native

  /** @param sources without `allowed` */
  constructor(
    pool: Pool,
    sources: readonly CandidateSource[],
    reader: ReaderHandle,
    options: PipelineOptions,
  ) {
    this.#native = new native.PreparedSearch(...planArguments(pool, sources, reader, options))
  }

  /**
   * Begins a search; the query is copied.
   *
   * @returns false, and nothing was begun, if the query has another dimension, a component that is not finite, or, for
   *   cosine, none that is not zero.
   */
  begin(query: Float32Array, receiver: Receiver): boolean {
    const ticket = this.#native.begin(query)
    if (ticket < 0) return false
    receivers[ticket] = receiver
    return true
  }

  /** Lets go of sources and reader once the searches under way have ended. Idempotent; `begin` fails afterwards. */
  release(): void {
    this.#native.release()
  }
}
