// What every backend would otherwise write again: checking arguments, putting writes in order, the
// failure latch, waiting in close, abort, counters. A backend adds four methods, whose names begin
// with an underscore and whose contracts are exact.
import { AbortError, AnnulusError, distances, type Metric, metricNumber } from '@annulus/native'
import {
  checkInteger,
  checkNoGap,
  checkOptions,
  checkQuery,
  checkSlots,
  checkWrite,
  freshSlots,
} from './arguments.js'
import type { ReadOptions, StorageStats, VectorStorage } from './types.js'
import { closedError, WriteQueue } from './write-queue.js'

export interface BaseStorageOptions {
  /** Short name of the backend, for stats and messages. */
  readonly backend: string
  readonly dimension: number
  /** Vectors found when the storage was opened; default 0. */
  readonly slots?: number
}

/** Base class of backends: implement `_write`, `_read`, `_flush` and `_close`. */
export abstract class BaseStorage implements VectorStorage {
  readonly dimension: number
  readonly #backend: string
  readonly #queue: WriteQueue
  readonly #reading = new Set<Promise<unknown>>()
  #slots: number
  #closing: Promise<void> | undefined
  #vectors = 0
  #inFlight = 0
  #errors = 0
  #writtenBytes = 0

  constructor(options: BaseStorageOptions) {
    this.dimension = options.dimension
    this.#backend = options.backend
    this.#slots = options.slots ?? 0
    this.#queue = new WriteQueue(options.backend)
  }

  /**
   * Stores n × dimension finite floats, each vector in its slot. There is at least one; the slots ascend,
   * none twice, and those that are not below `this.slots` follow it without a gap (`slotRuns` tells which are
   * consecutive). Called once at a time and never beside `_flush`. Resolves when the vectors can be read. The
   * arrays are the caller's memory: they must not be used afterwards. When it rejects, nothing that was
   * stored in other slots may be lost, and neither it nor `_flush` is called again.
   */
  protected abstract _write(slots: Uint32Array, vectors: Float32Array): Promise<void>

  /**
   * Returns the vectors of `slots`, in that order, in an array of its own. There is at least one
   * slot, all are below `slots`, and some may be equal. Called any number of times at once and beside
   * everything but `_close`. May stop early, rejecting with anything, once the signal is aborted.
   */
  protected abstract _read(
    slots: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array>

  /** Resolves when everything written so far survives power loss. Called as `_write` is. */
  protected abstract _flush(): Promise<void>

  /** Releases everything. Called once, when no other method runs, and nothing is called after it. */
  protected abstract _close(): Promise<void>

  /** Ranking distances, in the order of `slots`; else as `_read`. The default reads and computes. */
  protected async _score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    return distances(query, await this._read(slots, signal), metric, { signal })
  }

  /** Gives back the space of slots from `firstSlot` on. Called as `_write` is; the default keeps it. */
  protected async _discard(_firstSlot: number): Promise<void> {}

  /** Counters the backend knows better than this class. */
  protected _stats(): Partial<StorageStats> {
    return {}
  }

  get slots(): number {
    return this.#slots
  }

  async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (this.#closing !== undefined) throw closedError(this.#backend)
    const each = checkWrite(slots, vectors, this.dimension)
    await this.#queue.write(
      () => checkNoGap(each, this.#slots),
      async () => {
        if (each.length === 0) return
        await this.#typed('write', () => this._write(each, vectors))
        this.#slots += freshSlots(each, this.#slots)
        this.#writtenBytes += vectors.byteLength
      },
    )
  }

  async read(slots: Uint32Array, options: ReadOptions = {}): Promise<Float32Array> {
    this.#checkRead('read', slots, options)
    return this.#track(slots, this.dimension, options.signal, (signal) => this._read(slots, signal))
  }

  async score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    options: ReadOptions = {},
  ): Promise<Float32Array> {
    this.#checkRead('score', slots, options)
    checkQuery(query, this.dimension)
    metricNumber(metric)
    const own = query.slice()
    return this.#track(slots, 1, options.signal, (signal) =>
      this._score(own, slots, metric, signal),
    )
  }

  async flush(): Promise<void> {
    await this.#queue.flush(() => this.#typed('flush', () => this._flush()))
  }

  async discard(firstSlot: number): Promise<void> {
    checkInteger('firstSlot', firstSlot, 0, this.#slots)
    await this.#queue.write(
      () => {},
      () => this.#typed('discard', () => this._discard(firstSlot)),
    )
  }

  stats(): StorageStats {
    return {
      backend: this.#backend,
      reads: this.#vectors,
      readBytes: this.#vectors * this.dimension * 4,
      vectors: this.#vectors,
      inFlight: this.#inFlight,
      residentHits: 0,
      errors: this.#errors,
      writtenBytes: this.#writtenBytes,
      ...this._stats(),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#queue.close()
    await Promise.allSettled(this.#reading)
    await this.#typed('close', () => this._close())
  }

  #checkRead(method: string, slots: Uint32Array, options: ReadOptions): void {
    if (this.#closing !== undefined) throw closedError(this.#backend)
    checkOptions(method, options, ['signal'])
    checkSlots(slots, this.#slots)
    if (options.signal?.aborted) throw new AbortError(options.signal.reason)
  }

  async #track(
    slots: Uint32Array,
    floatsPerSlot: number,
    signal: AbortSignal | undefined,
    run: (signal: AbortSignal | undefined) => Promise<Float32Array>,
  ): Promise<Float32Array> {
    const count = slots.length
    if (count === 0) return new Float32Array(0)
    const reading = this.#typed('read', () => run(signal))
    this.#reading.add(reading)
    this.#inFlight += count
    try {
      const result = await reading
      if (signal?.aborted) throw new AbortError(signal.reason)
      if (result.length !== count * floatsPerSlot) throw this.#wrongLength(result.length, count)
      this.#vectors += count
      return result
    } catch (error) {
      if (signal?.aborted) throw new AbortError(signal.reason)
      this.#errors++
      throw error
    } finally {
      this.#inFlight -= count
      this.#reading.delete(reading)
    }
  }

  #wrongLength(floats: number, slots: number): AnnulusError {
    return new AnnulusError(
      'ANNULUS_INTERNAL',
      `${this.#backend} returned ${floats} floats for ${slots} slots of dimension ${this.dimension}`,
    )
  }

  /** Callers only ever see AnnulusError, whatever the backend is made of. */
  async #typed<T>(operation: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (cause) {
      if (cause instanceof AnnulusError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new AnnulusError('ANNULUS_IO', `${this.#backend}: ${operation} failed: ${reason}`, {
        cause,
        details: { operation },
      })
    }
  }
}
