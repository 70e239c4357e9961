// The usual search: without a filter through a graph that has all points, originals read in native code. It crosses
// into native code and back once, with one promise, and nothing but its hits made on the way. Whatever is out of the
// ordinary, before or after the crossing, is left to `search`.
import { type Found, PreparedSearch, type Receiver } from '@annulus/native'
import { nowMs } from './clock.js'
import type { Coverage } from './coverage.js'
import type { Generation } from './generation.js'
import { located, pipelineOptions, type Ranking } from './ranking.js'
import type { Cohort, Readers } from './readers.js'
import { answerFrom, type Begun, type SearchParts, strategyFor } from './search.js'
import { countWithin, hitsOf } from './search-hits.js'
import type { ParsedSearch } from './search-options.js'
import type { Hit, SearchAnswer } from './search-results.js'
import type { SlotSet } from './slot-set.js'

/** Whom a search tells of its beginning and end. */
export interface SearchHost {
  readonly search: SearchParts
  readonly readers: Readers
  began(): void
  /** What it throws, the search is rejected with. */
  answered(answer: SearchAnswer): void
  /** Once, whatever came of it, before the promise is settled. */
  ended(): void
}

/** What is seen of the collection when a search begins. */
interface View {
  readonly generation: Generation
  readonly matching: SlotSet
  readonly coverage: Coverage
  readonly removals: number
  readonly startMs: number
}

/** The search as a promise of what `pick` takes of its answer; undefined, and nothing was begun, if it is not so usual. */
export function beginDirect<T>(
  host: SearchHost,
  query: Float32Array,
  options: ParsedSearch,
  pick: (answer: SearchAnswer) => T,
): Promise<T> | undefined {
  const view = viewOf(host.search, options)
  if (view === undefined) return undefined
  const { generation } = view
  const prepared = generation.sources.prepared(options, () =>
    prepare(host.search, generation, options),
  )
  const search = new DirectSearch(host, view, options, pick)
  return prepared.begin(query, search) ? search.begun() : undefined
}

/** Undefined where more is to be done than to walk through the graph. */
function viewOf(parts: SearchParts, options: ParsedSearch): View | undefined {
  const { table, indexer, reader } = parts
  const generation = indexer.current
  if (reader === undefined || generation?.graph === undefined) return undefined
  if (options.filter !== undefined || options.signal !== undefined || options.withVector) {
    return undefined
  }
  if (options.rescore === false || options.rescore === 'uncertain') return undefined
  const startMs = nowMs()
  const matching = table.frozen()
  const coverage = generation.coverage(matching, table.slots)
  if (coverage.uncoded.size > 0 || coverage.unlinked.size > 0) return undefined
  if (strategyFor(table.live.size, { matching, generation }, options) !== 'graph') return undefined
  return { generation, matching, coverage, removals: table.removals, startMs }
}

function prepare(
  { pool, reader, metric }: SearchParts,
  generation: Generation,
  options: ParsedSearch,
): PreparedSearch {
  const { graph } = generation
  if (graph === undefined || reader === undefined) throw new TypeError('no graph, or no reader')
  const sources = [{ source: generation.sources.graph(graph) }]
  const wanted = options.limit + options.offset
  return new PreparedSearch(pool, sources, reader, pipelineOptions(metric, options, wanted))
}

class DirectSearch<T> implements Receiver {
  readonly #host: SearchHost
  readonly #view: View
  readonly #options: ParsedSearch
  readonly #pick: (answer: SearchAnswer) => T
  #cohort: Cohort | undefined
  #plannedMs = 0
  #resolve: (value: T) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(
    host: SearchHost,
    view: View,
    options: ParsedSearch,
    pick: (answer: SearchAnswer) => T,
  ) {
    this.#host = host
    this.#view = view
    this.#options = options
    this.#pick = pick
  }

  /** It is under way. */
  begun(): Promise<T> {
    this.#host.began()
    this.#cohort = this.#host.readers.enter()
    this.#view.generation.enter()
    this.#plannedMs = nowMs()
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  found(found: Found, query: () => Float32Array): void {
    try {
      const rankedMs = nowMs()
      const hits = this.#hitsNow(found)
      if (hits === undefined) void this.#goOn(rankingOf(found), query(), rankedMs)
      else this.#end(this.#answer(hits, found, rankedMs))
    } catch (error) {
      this.#fail(error)
    }
  }

  failed(error: unknown): void {
    located(this.#host.search.storage, error).catch((cause) => this.#fail(cause))
  }

  /** The hits, if no write has come in between and all of them are in memory. */
  #hitsNow(found: Found): Hit<object>[] | undefined {
    const { search } = this.#host
    const { table, payloads, metric } = search
    const { scoreThreshold, offset, withPayload } = this.#options
    const { words, slots, floats, distances } = found
    if (table.removals !== this.#view.removals) return undefined
    const count = countWithin(metric, floats, distances, found.count, scoreThreshold)
    if (!table.live.hasAll(words, slots, count)) return undefined
    if (!payloads.isReady(words, slots + offset, count - offset, withPayload)) return undefined
    const ranked = { words, slots, floats, distances, count }
    const missing: number[] = []
    const details = { estimated: undefined, vectors: undefined, missing }
    const hits = hitsOf(search, ranked, this.#options, details)
    return missing.length > 0 ? undefined : hits
  }

  #answer(hits: Hit<object>[], { candidates, reads }: Found, rankedMs: number): SearchAnswer {
    const { matching, startMs } = this.#view
    const endMs = nowMs()
    return {
      hits,
      diagnostics: {
        strategy: 'graph',
        matching: matching.size,
        retries: 0,
        candidates,
        reads,
        planMs: this.#plannedMs - startMs,
        rankMs: rankedMs - this.#plannedMs,
        fetchMs: endMs - rankedMs,
        ms: endMs - startMs,
      },
    }
  }

  /** As `search` does: from the state that the ranking goes by to what holds now. */
  async #goOn(ranking: Ranking, query: Float32Array, rankedMs: number): Promise<void> {
    const { search } = this.#host
    const { matching, removals, generation, coverage, startMs } = this.#view
    const { pool, storage, reader, metric } = search
    const begun: Begun = {
      match: { set: matching, removals },
      scope: { pool, storage, reader, metric, matching, filtered: false, generation, coverage },
      strategy: 'graph',
      startMs,
      plannedMs: this.#plannedMs,
    }
    try {
      this.#end(await answerFrom(search, begun, query, ranking, this.#options, rankedMs))
    } catch (error) {
      this.#fail(error)
    }
  }

  #end(answer: SearchAnswer): void {
    this.#host.answered(answer)
    // Before it is left: whatever throws up to here fails the search, which leaves it once.
    const picked = this.#pick(answer)
    this.#leave()
    this.#resolve(picked)
  }

  #fail(error: unknown): void {
    this.#leave()
    this.#reject(error)
  }

  #leave(): void {
    this.#view.generation.leave()
    if (this.#cohort !== undefined) this.#host.readers.leave(this.#cohort)
    this.#host.ended()
  }
}

/** A copy: what was found is only lent. */
function rankingOf({ words, slots, floats, distances, count, candidates, reads }: Found): Ranking {
  return {
    slots: words.slice(slots, slots + count),
    distances: floats.slice(distances, distances + count),
    estimated: undefined,
    candidates,
    reads,
  }
}
