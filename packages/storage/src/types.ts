import type { Metric, ReaderHandle } from '@annulus/native'

/** Options of a read or score call. */
export interface ReadOptions {
  /** Aborts the call; it then rejects with AbortError once no buffer is in use any more. */
  signal?: AbortSignal
}

/** Counters of a storage since it was opened. */
export interface StorageStats {
  /** Name of the backend that serves reads. */
  readonly backend: string
  /** Why another backend than the one asked for serves reads; undefined if none was needed. */
  readonly fallback?: string | undefined
  /** Read requests that went to the disk (or the page cache): one per vector unless merged. */
  readonly reads: number
  /** Bytes those requests asked for. */
  readonly readBytes: number
  /** Vectors served (read or scored). */
  readonly vectors: number
  /** Requests in flight now. */
  readonly inFlight: number
  /** Vectors served without waiting for a disk, where the backend can tell; else 0. */
  readonly residentHits: number
  /** Failed requests. */
  readonly errors: number
  /** Bytes written to vector files. */
  readonly writtenBytes: number
}

/**
 * Fixed-dimension float32 vectors on durable storage, addressed by dense slot number.
 *
 * Slots are written once: `write` never changes a slot that was flushed, except to give a freed one a
 * new vector. All methods may be called concurrently. After `close` every method rejects with
 * `ANNULUS_CLOSED`. A failed write or flush latches: later writes and flushes reject with
 * `ANNULUS_LATCHED`, reads go on.
 */
export interface VectorStorage {
  /** Components of each vector. */
  readonly dimension: number
  /** One past the highest slot written. */
  readonly slots: number

  /**
   * Writes consecutive vectors from `firstSlot` on. `vectors` holds n × dimension finite floats and is
   * not kept. `firstSlot` may be at most `slots` (no gaps). Visible to reads once resolved.
   */
  write(firstSlot: number, vectors: Float32Array): Promise<void>

  /**
   * Reads vectors in the order of `slots` (duplicates allowed) into n × dimension floats.
   * Rejects with `ANNULUS_OUT_OF_RANGE`, `ANNULUS_CORRUPT` or `ANNULUS_IO` naming the slot.
   */
  read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array>

  /**
   * Exact ranking distances (see `Metric`) from the query to the vectors, in the order of `slots`.
   * Bit for bit the same on every backend.
   */
  score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    options?: ReadOptions,
  ): Promise<Float32Array>

  /** What was written before the call survives power loss once this resolves. */
  flush(): Promise<void>

  stats(): StorageStats

  /** Waits for calls in progress, then releases everything. Idempotent. */
  close(): Promise<void>

  /**
   * The storage as a native reader table, so that a search can rescore without returning to
   * JavaScript. Backends in plain TypeScript leave it out.
   */
  reader?(): ReaderHandle
}

/** What a storage needs to know to open. */
export interface OpenOptions {
  /** Directory of this collection's vectors; created if missing. */
  readonly path: string
  readonly dimension: number
  /** Slots known to hold committed vectors: at least this many must be there, later ones are dropped. */
  readonly slots?: number
  readonly signal?: AbortSignal
}

/** A backend that can be injected: `open(path, { storage })`. */
export interface StorageFactory {
  /** Short name as it appears in stats and events. */
  readonly name: string
  open(options: OpenOptions): Promise<VectorStorage>
}
