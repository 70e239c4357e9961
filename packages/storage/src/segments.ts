// The contract between the one writer of segment files and the backends that read them.
import type { OpenOptions } from './types.js'

/** Where vector `slot` lies: segment `slot / slotsPerSegment`, at `headerBytes + (slot % slotsPerSegment) × stride`. */
export interface SegmentLayout {
  readonly dimension: number
  /** Bytes of one vector: dimension × 4. */
  readonly vectorBytes: number
  /** Bytes from one vector to the next; at least vectorBytes. */
  readonly stride: number
  /** Bytes before the first vector: one page. */
  readonly headerBytes: number
  readonly slotsPerSegment: number
  /** Size of every segment file, from its creation on (sparse): headerBytes + slotsPerSegment × stride, rounded up to a page. */
  readonly segmentBytes: number
}

/** One segment file, open for as long as the store is. */
export interface Segment {
  readonly number: number
  readonly path: string
  /** CRC32C of each vector's bytes, seeded with its slot number; slotsPerSegment entries, filled in place before a slot becomes visible. */
  readonly checksums: Uint32Array
}

/** Writing, recovery and checksums of segment files; knows nothing of how they are read. */
export interface SegmentStore {
  readonly layout: SegmentLayout
  /** One past the highest slot written. */
  readonly slots: number
  readonly segments: readonly Segment[]
  readonly writtenBytes: number
  write(firstSlot: number, vectors: Float32Array): Promise<void>
  flush(): Promise<void>
  close(): Promise<void>
}

export interface SegmentStoreOptions extends OpenOptions {
  /** Upper bound of a segment file in bytes; default 256 MiB, at most 1 GiB. Fixed when the store is created. */
  readonly segmentBytesMax?: number
  /** Called for each segment that exists at open and each that is created, before any slot in it is visible. */
  readonly onSegment?: (segment: Segment, layout: SegmentLayout) => void | Promise<void>
  /** Called after slots became visible to readers. */
  readonly onSlots?: (slots: number) => void
}
