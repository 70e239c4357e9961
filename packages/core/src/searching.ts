// The searches of one collection: options and queries checked, readers noted, answers counted.
import type { CollectionParts } from './collection-parts.js'
import { limits } from './limits.js'
import { search, searchMany } from './search.js'
import { parseSearch, type SearchContext, type SearchOptions } from './search-options.js'
import type { SearchAnswer, SearchDiagnostics } from './search-results.js'
import type { SearchCounters } from './stats.js'
import { copyQueries, copyVector, type VectorInput } from './vectors.js'

export class Searching {
  readonly counters: SearchCounters
  readonly #parts: CollectionParts
  readonly #context: SearchContext
  readonly #onSlow: (diagnostics: SearchDiagnostics) => void

  constructor(parts: CollectionParts, onSlow: (diagnostics: SearchDiagnostics) => void) {
    this.counters = parts.counters
    this.#parts = parts
    this.#context = { ...parts.tuning, calibration: () => parts.indexer.wantCalibration() }
    this.#onSlow = onSlow
  }

  async one(query: VectorInput, options: SearchOptions<never>): Promise<SearchAnswer> {
    this.counters.inFlight++
    this.#parts.pace.searching()
    try {
      const { config, readers, search: parts } = this.#parts
      const parsed = parseSearch(options, this.#context)
      const vector = copyVector(query, config.dimension, config.metric, 'the query')
      const answer = await readers.run(() => search(parts, vector, parsed))
      this.#note(answer)
      return answer
    } finally {
      this.#parts.pace.searched()
      this.counters.inFlight--
    }
  }

  async many(
    queries: readonly VectorInput[],
    options: SearchOptions<never>,
  ): Promise<SearchAnswer[]> {
    const { config, readers, search: parts } = this.#parts
    const parsed = parseSearch(options, this.#context)
    const vectors = copyQueries(queries, config.dimension, config.metric)
    this.counters.inFlight += vectors.length
    this.#parts.pace.searching(vectors.length)
    try {
      const answers: SearchAnswer[] = []
      for (let first = 0; first < vectors.length; first += limits.batchQueriesMax) {
        const some = vectors.slice(first, first + limits.batchQueriesMax)
        answers.push(...(await readers.run(() => searchMany(parts, some, parsed))))
      }
      for (const answer of answers) this.#note(answer)
      return answers
    } finally {
      this.#parts.pace.searched(vectors.length)
      this.counters.inFlight -= vectors.length
    }
  }

  #note({ diagnostics }: SearchAnswer): void {
    this.counters.count++
    this.counters.reads += diagnostics.reads
    this.counters.retries += diagnostics.retries
    if (diagnostics.ms <= this.#parts.tuning.slowSearchMs) return
    this.counters.slow++
    this.#onSlow(diagnostics)
  }
}
