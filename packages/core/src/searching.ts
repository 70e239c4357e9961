// The searches of one collection: options and queries checked, readers noted, answers counted.
import type { CollectionParts } from './collection-parts.js'
import { beginDirect, type SearchHost } from './direct-search.js'
import type { Lifetime } from './lifetime.js'
import { limits } from './limits.js'
import type { Readers } from './readers.js'
import { type SearchParts, search, searchMany } from './search.js'
import { SearchMemo } from './search-memo.js'
import type { ParsedSearch, SearchOptions } from './search-options.js'
import type { SearchAnswer, SearchDiagnostics } from './search-results.js'
import type { SearchCounters } from './stats.js'
import { copyQueries, copyVector, type VectorInput } from './vectors.js'

export class Searching implements SearchHost {
  readonly counters: SearchCounters
  readonly search: SearchParts
  readonly readers: Readers
  readonly #parts: CollectionParts
  readonly #lifetime: Lifetime
  readonly #memo: SearchMemo
  readonly #onSlow: (diagnostics: SearchDiagnostics) => void

  constructor(
    parts: CollectionParts,
    lifetime: Lifetime,
    onSlow: (diagnostics: SearchDiagnostics) => void,
  ) {
    this.counters = parts.counters
    this.search = parts.search
    this.readers = parts.readers
    this.#parts = parts
    this.#lifetime = lifetime
    this.#memo = new SearchMemo({
      ...parts.tuning,
      calibration: () => parts.indexer.wantCalibration(),
    })
    this.#onSlow = onSlow
  }

  /** What `pick` takes of the answer. Never throws, but rejects. */
  one<T>(
    query: VectorInput,
    options: SearchOptions<never>,
    pick: (answer: SearchAnswer) => T,
  ): Promise<T> {
    try {
      this.#lifetime.check()
      const parsed = this.#memo.parse(options)
      const vector = query instanceof Float32Array ? query : this.#copy(query)
      return beginDirect(this, vector, parsed, pick) ?? this.#inSteps(vector, parsed, pick)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #inSteps<T>(
    query: Float32Array,
    options: ParsedSearch,
    pick: (answer: SearchAnswer) => T,
  ): Promise<T> {
    this.began()
    try {
      const vector = this.#copy(query)
      const answer = await this.readers.run(() => search(this.search, vector, options))
      this.answered(answer)
      return pick(answer)
    } finally {
      this.ended()
    }
  }

  #copy(query: VectorInput): Float32Array {
    const { dimension, metric } = this.#parts.config
    return copyVector(query, dimension, metric, () => 'the query')
  }

  began(): void {
    this.#lifetime.enter()
    this.#enter(1)
  }

  answered({ diagnostics }: SearchAnswer): void {
    this.counters.count++
    this.counters.reads += diagnostics.reads
    this.counters.retries += diagnostics.retries
    if (diagnostics.ms <= this.#parts.tuning.slowSearchMs) return
    this.counters.slow++
    this.#onSlow(diagnostics)
  }

  ended(): void {
    this.#leave(1)
    this.#lifetime.leave()
  }

  async many(
    queries: readonly VectorInput[],
    options: SearchOptions<never>,
  ): Promise<SearchAnswer[]> {
    const { config } = this.#parts
    const parsed = this.#memo.parse(options)
    const vectors = copyQueries(queries, config.dimension, config.metric)
    this.#enter(vectors.length)
    try {
      const answers: SearchAnswer[] = []
      for (let first = 0; first < vectors.length; first += limits.batchQueriesMax) {
        const some = vectors.slice(first, first + limits.batchQueriesMax)
        answers.push(...(await this.readers.run(() => searchMany(this.search, some, parsed))))
      }
      for (const answer of answers) this.answered(answer)
      return answers
    } finally {
      this.#leave(vectors.length)
    }
  }

  /** Whoever writes is to spare searches of every kind. */
  #enter(count: number): void {
    const { pace, indexer } = this.#parts
    this.counters.inFlight += count
    pace.searching(count)
    indexer.waiting.searching(count)
  }

  #leave(count: number): void {
    const { pace, indexer } = this.#parts
    this.counters.inFlight -= count
    pace.searched(count)
    indexer.waiting.searched(count)
  }
}
