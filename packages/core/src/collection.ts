import { AbortError, type Metric } from '@annulus/native'
import { orAborted } from './abort.js'
import type { HeldCollection } from './backup.js'
import { type CollectionParts, closeParts, type Emit } from './collection-parts.js'
import { collectionStats } from './collection-stats.js'
import { compact } from './compacting.js'
import { CollectionEmitter } from './events.js'
import { type Filter, parseFilter } from './filter.js'
import { checkId, checkIds, type PointId } from './ids.js'
import { Lifetime } from './lifetime.js'
import { limits } from './limits.js'
import { checkNames, checkSignal, type SignalOptions, signalOf } from './options.js'
import { iteratePoints } from './point-iteration.js'
import { type ParsedRead, parseRead, type ReadOptions, readPoints } from './point-reading.js'
import {
  checkPoints,
  encodeGroup,
  groupPoints,
  type Point,
  type PointInput,
  type PointRules,
} from './points.js'
import { releaseAll } from './releasing.js'
import type { SearchOptions } from './search-options.js'
import type { Hit, SearchAnswer, SearchDiagnostics } from './search-results.js'
import { Searching } from './searching.js'
import type { CollectionStats } from './stats.js'
import type { VectorInput } from './vectors.js'
import { addCounts, type WriteCounts } from './write-plan.js'

export interface CountOptions<Payload> extends SignalOptions {
  readonly filter?: Filter<Payload>
}

export interface PointsOptions<Payload> extends ReadOptions {
  readonly filter?: Filter<Payload>
}

/** Results and how they were found. */
export interface Answer<Payload extends object> {
  readonly hits: Hit<Payload>[]
  readonly diagnostics: SearchDiagnostics
}

/**
 * Points of one dimension and metric. Made by `database.collection(name)`.
 *
 * All methods may be called concurrently. Writes of up to 1,000 points take effect in the order of their
 * calls, a larger one as a series of such calls. After `close` every method fails with `ANNULUS_CLOSED`.
 */
export class Collection<
  Payload extends object = Record<string, unknown>,
> extends CollectionEmitter {
  readonly name: string
  readonly dimension: number
  readonly metric: Metric
  readonly #parts: CollectionParts
  readonly #rules: PointRules
  readonly #lifetime: Lifetime
  readonly #onClosed: () => void
  readonly #searching: Searching

  /** @internal */
  constructor(parts: CollectionParts, onClosed: () => void) {
    super()
    const { name, dimension, metric, indexedFields } = parts.config
    this.name = name
    this.dimension = dimension
    this.metric = metric
    this.#parts = parts
    this.#rules = { dimension, metric, indexedFields }
    this.#lifetime = new Lifetime(`collection ${name}`)
    this.#onClosed = onClosed
    const onSlow = (search: SearchDiagnostics) => this.emit('slowSearch', search)
    this.#searching = new Searching(parts, this.#lifetime, onSlow)
    parts.indexer.wake()
  }

  /** Number of points. */
  get size(): number {
    return this.#parts.table.live.size
  }

  /**
   * Writes points: new ids are inserted, known ones replaced whole. Resolves once they survive power
   * loss and can be searched. All points are checked first; then they are applied in order, in groups of
   * at most 1,000, each atomically. Vectors and payloads are copied; do not change them before it
   * resolves.
   *
   * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_VECTOR`, `ANNULUS_ZERO_VECTOR`,
   *   `ANNULUS_INVALID_ID`, `ANNULUS_DUPLICATE_ID`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_LIMIT`, all before
   *   anything changes; `ANNULUS_LATCHED` after an earlier write failed; AbortError.
   */
  upsert(
    points: PointInput<Payload> | readonly PointInput<Payload>[],
    options: SignalOptions = {},
  ): Promise<WriteCounts> {
    return this.#lifetime.run(async () => {
      const signal = signalOf(options, 'upsert')
      const all: readonly unknown[] = Array.isArray(points) ? points : [points]
      const step = groupPoints(this.dimension)
      if (all.length > step) await checkPoints(all, this.#rules)
      const total = { inserted: 0, replaced: 0, removed: 0 }
      const { vectorMemory } = this.#parts
      for (let first = 0; first < all.length; first += step) {
        const group = encodeGroup(all.slice(first, first + step), this.#rules, vectorMemory)
        const input = group.then((encoded) => ({ group: encoded }))
        addCounts(total, await this.#parts.writer.submit(input, signal))
      }
      return total
    })
  }

  /** Removes points; ids without a point are passed over. Durable and atomic as {@link upsert}. */
  delete(ids: PointId | readonly PointId[], options: SignalOptions = {}): Promise<WriteCounts> {
    return this.#lifetime.run(async () => {
      const signal = signalOf(options, 'delete')
      const all = checkIds(ids)
      const total = { inserted: 0, replaced: 0, removed: 0 }
      for (let first = 0; first < all.length; first += limits.groupPointsMax) {
        const remove = all.slice(first, first + limits.groupPointsMax)
        addCounts(total, await this.#parts.writer.submit(Promise.resolve({ remove }), signal))
      }
      return total
    })
  }

  /** The point of an id, or undefined; for several ids an array in their order. */
  get(id: PointId, options?: ReadOptions): Promise<Point<Payload> | undefined>
  get(ids: readonly PointId[], options?: ReadOptions): Promise<(Point<Payload> | undefined)[]>
  get(ids: PointId | readonly PointId[], options: ReadOptions = {}): Promise<unknown> {
    return this.#lifetime.run(async () => {
      const all = checkIds(ids)
      const read = parseRead(options, 'get')
      const { readers, payloads } = this.#parts
      const points = await readers.run(async () => this.#read(await payloads.slotsOf(all), read))
      return Array.isArray(ids) ? points : points[0]
    })
  }

  /** Whether there is a point of this id. */
  has(id: PointId): Promise<boolean> {
    return this.#lifetime.run(async () => {
      checkId(id)
      const [slot] = await this.#parts.payloads.slotsOf([id])
      return slot !== undefined
    })
  }

  /**
   * The points nearest to `query`, best first.
   *
   * @throws AnnulusError as {@link upsert} does for vectors; `ANNULUS_UNKNOWN_OPTION`,
   *   `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_LIMIT`; `ANNULUS_CORRUPT` or `ANNULUS_IO` when a vector or a
   *   payload it needs cannot be read; AbortError.
   */
  search(query: VectorInput, options: SearchOptions<Payload> = {}): Promise<Hit<Payload>[]> {
    // What the payloads look like is the caller's word.
    return this.#searching.one(query, options, hitsOfAnswer) as Promise<Hit<Payload>[]>
  }

  /** As {@link search}, and says how the answer was found and what it cost. */
  searchWithDiagnostics(
    query: VectorInput,
    options: SearchOptions<Payload> = {},
  ): Promise<Answer<Payload>> {
    // What the payloads look like is the caller's word.
    return this.#searching.one(query, options, wholeAnswer) as Promise<Answer<Payload>>
  }

  /**
   * Several searches with the same options, in the order of the queries: planned once, crossing into native
   * code together, 256 at a time, and running side by side there.
   */
  searchBatch(
    queries: readonly VectorInput[],
    options: SearchOptions<Payload> = {},
  ): Promise<Hit<Payload>[][]> {
    return this.#lifetime.run(async () => {
      const answers = await this.#searching.many(queries, options)
      // What the payloads look like is the caller's word.
      return answers.map(({ hits }) => hits as Hit<Payload>[])
    })
  }

  /** Number of points, or of those that pass the filter. */
  count(options: CountOptions<Payload> = {}): Promise<number> {
    return this.#lifetime.run(async () => {
      checkNames(options, ['filter', 'signal'], 'count')
      const signal = checkSignal(options.signal)
      if (options.filter === undefined) return this.size
      const { filters, readers } = this.#parts
      const filter = parseFilter(options.filter)
      return (await readers.run(() => filters.match(filter, signal))).set.size
    })
  }

  /**
   * All points, or those that pass the filter, in no particular order. Every point that is there
   * throughout is visited; one that is replaced meanwhile may be visited again. While it lasts the space
   * of removed points is not used again.
   */
  async *points(options: PointsOptions<Payload> = {}): AsyncGenerator<Point<Payload>, void, void> {
    const read = parseRead(options, 'points', ['filter'])
    const { filter } = options
    const parsed = filter === undefined ? undefined : parseFilter(filter)
    const points = iteratePoints(this.#parts, parsed, read, (call) => this.#lifetime.run(call))
    // What the payloads look like is the caller's word.
    for await (const point of points) yield point as Point<Payload>
  }

  [Symbol.asyncIterator](): AsyncGenerator<Point<Payload>, void, void> {
    return this.points()
  }

  /** Resolves when every point written so far is in the index; searches need not wait for it. */
  waitForIndex(options: SignalOptions = {}): Promise<void> {
    return this.#lifetime.run(() =>
      orAborted(this.#parts.indexer.settled(), signalOf(options, 'waitForIndex')),
    )
  }

  /**
   * Makes the collection as small as its points where a tenth of its slots or more are empty, then trains
   * the codes and builds the graph anew from all points, beside the index in use, and replaces it:
   * worthwhile after the data have changed in kind, or after many deletions. Searches and writes go
   * on. Space is not given back while an iteration, a backup or another process reads older states; that
   * of LMDB's file is used again and never given back.
   *
   * @throws AnnulusError as {@link upsert} does when points cannot be moved; AbortError.
   */
  optimize(options: SignalOptions = {}): Promise<void> {
    return this.#lifetime.run(async () => {
      const signal = signalOf(options, 'optimize')
      await compact(this.#parts, {
        proceed: () => {
          this.#lifetime.check()
          if (signal?.aborted === true) throw new AbortError(signal.reason)
        },
        moved: (done, total) => this.emit('indexing', { phase: 'moving', done, total }),
      })
      await orAborted(this.#parts.indexer.rebuild(), signal)
    })
  }

  /** Saves the index as far as it is built, and makes durable what was acknowledged before it was. */
  flush(): Promise<void> {
    return this.#lifetime.run(async () => {
      await this.#parts.store.database.flush()
      await this.#parts.indexer.save(1)
    })
  }

  stats(): CollectionStats {
    this.#lifetime.check()
    return collectionStats(this.#parts, this.#searching.counters)
  }

  /** @internal The parts, with a function until whose call `close` waits. */
  hold(): HeldCollection {
    this.#lifetime.check()
    let release = () => {}
    void this.#lifetime.run(() => new Promise<void>((resolve) => (release = resolve)))
    return { parts: this.#parts, release }
  }

  /** Waits for calls in progress, saves the index, releases everything. Idempotent. */
  close(): Promise<void> {
    return this.#lifetime.close(async () => {
      const emit: Emit = (name, ...event) => {
        this.emit(name, ...event)
      }
      this.#parts.pace.end()
      await releaseAll([
        () => this.#parts.indexer.stop(),
        () => this.#lifetime.idle(),
        () => closeParts(this.#parts, emit),
        () => this.#onClosed(),
      ])
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #read(slots: (number | undefined)[], options: ParsedRead) {
    // What the payloads look like is the caller's word.
    return (await readPoints(this.#parts, slots, options)) as (Point<Payload> | undefined)[]
  }
}

const hitsOfAnswer = ({ hits }: SearchAnswer) => hits
const wholeAnswer = (answer: SearchAnswer) => answer
