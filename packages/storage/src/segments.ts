// The contract between the one writer of segment files and the backends that read them.
import type { FileOps } from './file-ops.js'
import type { OpenOptions } from './types.js'

/**
 * Where vectors lie: slot `s` is in segment `floor(s / slotsPerSegment)`, at byte
 * `headerBytes + (s % slotsPerSegment) × stride`. Byte by byte in `docs/file-format.md`.
 */
export interface SegmentLayout {
  readonly dimension: number
  /** Bytes of one vector: dimension × 4. */
  readonly vectorBytes: number
  /** Bytes from one vector to the next; at least vectorBytes, a multiple of 4. */
  readonly stride: number
  /** Bytes before the first vector: one page. */
  readonly headerBytes: number
  readonly slotsPerSegment: number
  /**
   * Size of every segment file from its creation on (sparse), so that a reader maps it once:
   * headerBytes + slotsPerSegment × stride, rounded up to a page.
   */
  readonly segmentBytes: number
}

/** One segment file. It keeps its path and size for as long as the store is open. */
export interface Segment {
  readonly number: number
  readonly path: string
  /**
   * CRC32C of each vector's bytes, seeded with its slot number; slotsPerSegment entries, 0 where
   * nothing was written. Filled in place before a slot becomes visible; the memory never moves.
   */
  readonly checksums: Uint32Array
}

/** Writing, recovery and checksums of segment files; knows nothing of how they are read. */
export interface SegmentStore {
  readonly layout: SegmentLayout
  /** One past the highest slot written. */
  readonly slots: number
  /** In order of their numbers, without gaps. */
  readonly segments: readonly Segment[]
  /** Bytes written to segment files since the store was opened. */
  readonly writtenBytes: number
  /** Milliseconds of CPU time that writing them took, outside the event loop. */
  readonly writeCpuMs: number
  /**
   * As `VectorStorage.write`, but that the values are finite is for the storage above to check. Writes
   * and flushes run one after the other, in the order of the calls.
   */
  write(slots: number | Uint32Array, vectors: Float32Array): Promise<void>
  /** As `VectorStorage.flush`. */
  flush(): Promise<void>
  /** As `VectorStorage.discard`: files keep their length, for somebody may have them mapped. */
  discard(firstSlot: number): Promise<void>
  /** Waits for writes and flushes under way, then closes the files. Does not flush. Idempotent. */
  close(): Promise<void>
}

export interface SegmentStoreOptions extends OpenOptions {
  /**
   * Upper bound of a segment file in bytes; default 256 MiB, at most 1 GiB. Fixed when the store is
   * created, ignored afterwards.
   */
  readonly segmentBytesMax?: number | undefined
  /** The file operations everything goes through; default `nodeFileOps`. */
  readonly files?: FileOps | undefined
  /**
   * Called for each segment that exists at open and each that is created, before any slot in it is
   * visible. If it fails, so does the open or the write.
   */
  readonly onSegment?:
    | ((segment: Segment, layout: SegmentLayout) => void | Promise<void>)
    | undefined
  /** Called with `slots` at open, if there are any, and after every write, once its vectors may be read. */
  readonly onSlots?: ((slots: number) => void) | undefined
}
