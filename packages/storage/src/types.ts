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
  /** Milliseconds of CPU time that writing took outside the event loop, where the backend can tell. */
  readonly writeCpuMs?: number | undefined
}

/**
 * Fixed-dimension float32 vectors on durable storage, addressed by dense slot number.
 *
 * Slots are written once: `write` never changes a slot that was flushed, except to give a freed one a
 * new vector; a read of that slot meanwhile gives the old vector, the new one or `ANNULUS_CORRUPT`.
 *
 * All methods may be called concurrently. Arrays that are passed must stay as they are until the call
 * settles. Methods reject, they never throw, always with an AnnulusError, and bad input changes nothing.
 * After `close` they reject with `ANNULUS_CLOSED`. A failed write or flush latches: later writes and
 * flushes reject with `ANNULUS_LATCHED` until the storage is opened again, reads go on.
 */
export interface VectorStorage {
  /** Components of each vector. */
  readonly dimension: number
  /** One past the highest slot written. */
  readonly slots: number

  /**
   * Writes n vectors. `vectors` holds n × dimension finite floats; neither array is kept. Writes take effect
   * in the order of the calls, and are visible to reads once resolved; of a write that fails any part may
   * have been done.
   *
   * @param slots the slot of each vector, ascending, none twice; or a number: consecutive slots from it on.
   *   Those past the end follow it without a gap.
   * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_VECTOR`, `ANNULUS_INVALID_ARGUMENT`,
   * `ANNULUS_OUT_OF_RANGE` (a gap), `ANNULUS_LIMIT` (slots beyond 2^32 - 2), `ANNULUS_FULL`, `ANNULUS_IO`.
   */
  write(slots: number | Uint32Array, vectors: Float32Array): Promise<void>

  /**
   * Reads vectors in the order of `slots` (duplicates allowed) into n × dimension floats.
   *
   * @throws AnnulusError `ANNULUS_OUT_OF_RANGE`, `ANNULUS_CORRUPT` or `ANNULUS_IO`, with the slot in
   * `details.slot`; AbortError.
   */
  read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array>

  /**
   * Exact ranking distances (see `Metric`) from the query to the vectors, in the order of `slots`.
   * Bit for bit the same on every backend of one machine.
   *
   * @throws AnnulusError as `read`, and `ANNULUS_DIMENSION` or `ANNULUS_INVALID_VECTOR` for the query.
   */
  score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    options?: ReadOptions,
  ): Promise<Float32Array>

  /** Writes called before this survive power loss once it resolves. */
  flush(): Promise<void>

  /**
   * Gives back the space of all slots from `firstSlot` on, as far as the storage can: nobody reads them
   * any more. They may be written again; until then a read of one gives anything, or `ANNULUS_CORRUPT`.
   * `slots` stays as it is. Storages that have no space to give back leave it out.
   */
  discard?(firstSlot: number): Promise<void>

  stats(): StorageStats

  /** Waits for calls in progress, then releases everything; does not flush. Idempotent. */
  close(): Promise<void>

  /**
   * The storage as a native reader table, so that a search can rescore without returning to
   * JavaScript. Backends in plain TypeScript leave it out. Every call gives a handle of its own, which the
   * caller releases (`releaseHandle`).
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
  /**
   * Read what is there and change nothing, beside somebody who writes or alone: no lock is taken, nothing
   * is recovered, writes and flushes fail with `ANNULUS_READ_ONLY`. Needs `slots`. Default false.
   */
  readonly readOnly?: boolean
  readonly signal?: AbortSignal
}

/** A backend that can be injected: `open(path, { storage })`. */
export interface StorageFactory {
  /** Short name as it appears in stats and events. */
  readonly name: string
  open(options: OpenOptions): Promise<VectorStorage>
}
