// VectorStorage over io_uring: the shared writer of segment files below, the native engine for reading.
import { AnnulusError, type Metric, type ReaderHandle } from '@annulus/native'
import {
  BaseStorage,
  checkOptions,
  freshSlots,
  type OpenOptions,
  openOptionNames,
  openSegmentStore,
  type SegmentStore,
  type StorageFactory,
  type StorageStats,
} from '@annulus/storage'
import { type Settings, settingsOf, type UringStorageOptions } from './options.js'
import { UringReader } from './reader.js'

/** Counters of a {@link UringStorage} beyond those every storage has. */
export interface UringStats extends StorageStats {
  /** Most reads that were in flight at once. */
  readonly inFlightMax: number
  /** Vectors that came with a read another call had started. */
  readonly joined: number
  /** Short reads that were continued. */
  readonly resumed: number
  /** System calls that started reads or waited for them. */
  readonly systemCalls: number
  /** Vectors that were in this storage's own cache (`cacheBytes`); `residentHits` counts them too. */
  readonly hotHits: number
  /** Bytes that were asked to be read ahead into the page cache (`direct: 'auto'`). */
  readonly readAheadBytes: number
  /** Whether reads bypass the page cache. */
  readonly direct: boolean
}

/** A storage that reads through io_uring, or with `pread` on threads where that is not allowed. */
export class UringStorage extends BaseStorage {
  readonly #store: SegmentStore
  readonly #reader: UringReader
  #closed = false

  private constructor(store: SegmentStore, reader: UringReader) {
    super({ backend: 'io_uring', dimension: store.layout.dimension, slots: store.slots })
    this.#store = store
    this.#reader = reader
  }

  /** As `uringStorage(options).open(opening)`; `settings` are checked. */
  static async open(opening: OpenOptions, settings: Settings): Promise<UringStorage> {
    checkOptions('open', opening, openOptionNames)
    const { segmentBytesMax, files } = settings
    const reader = new UringReader(settings, opening.slots ?? 0, opening.dimension)
    let store: SegmentStore | undefined
    try {
      store = await openSegmentStore({
        ...opening,
        segmentBytesMax,
        files,
        onSegment: (segment, layout) => reader.add(segment, layout),
        onSlots: (slots) => reader.engine.setSlots(slots),
      })
      await reader.start(store.layout)
      return new UringStorage(store, reader)
    } catch (error) {
      await Promise.allSettled([reader.close(), store?.close()])
      throw error
    }
  }

  /** The storage as a native reader table. Its reads end with `ANNULUS_CLOSED` after `close`. */
  reader(): ReaderHandle {
    if (this.#closed) throw new AnnulusError('ANNULUS_CLOSED', 'io_uring is closed')
    return this.#reader.engine.table()
  }

  override stats(): UringStats {
    const { brokenErrno: _, ...counters } = this.#reader.stats()
    return { ...super.stats(), ...counters, fallback: this.#reader.fallback }
  }

  protected override async _write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    const fresh = freshSlots(slots, this.slots)
    // Freed slots get new vectors: a read that meets a half-written one reads again.
    const freed = slots.subarray(0, slots.length - fresh)
    const { engine } = this.#reader
    if (freed.length > 0) engine.beginRewrite(freed)
    try {
      await this.#store.write(slots, vectors)
    } finally {
      if (freed.length > 0) engine.endRewrite()
    }
    if (fresh > 0) this.#reader.grown(this.#store.slots, this.dimension)
  }

  protected override _read(
    slots: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    return this.#reader.read(slots, this.dimension, signal)
  }

  protected override _score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    return this.#reader.score(query, slots, metric, signal)
  }

  protected override _flush(): Promise<void> {
    return this.#store.flush()
  }

  protected override _discard(firstSlot: number): Promise<void> {
    return this.#store.discard(firstSlot)
  }

  protected override async _close(): Promise<void> {
    this.#closed = true
    try {
      await this.#reader.close()
    } finally {
      await this.#store.close()
    }
  }

  protected override _stats(): Partial<StorageStats> {
    const { writtenBytes, writeCpuMs } = this.#store
    return { writtenBytes, writeCpuMs }
  }
}

/**
 * A factory of storages that read through io_uring (Linux 5.6 or later). Where the ring is missing or
 * denied they read with `pread` on a few threads, with the same answers, and `stats().fallback` says
 * why.
 */
export function uringStorage(options: UringStorageOptions = {}): StorageFactory {
  const settings = settingsOf(options)
  return { name: 'io_uring', open: (opening) => UringStorage.open(opening, settings) }
}
