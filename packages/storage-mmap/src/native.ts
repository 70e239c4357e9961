// The one file of this package that loads the addon.
import { type AddonBase, loadAddon, type ReaderHandle } from '@annulus/native'

export interface NativeReaderOptions {
  readonly dimension: number
  readonly stride: number
  readonly headerBytes: number
  readonly slotsPerSegment: number
  readonly segmentBytes: number
  readonly threads: number
  readonly prefetch: boolean
}

export interface NativeReaderStats {
  readonly reads: number
  readonly vectors: number
  readonly inFlight: number
  readonly residentHits: number
  readonly errors: number
}

/** Keeps mappings of its own, and itself, until it is closed or the environment ends. */
export interface NativeReader {
  /**
   * The next segment, as a mapping, which it maps once more and does not keep, or as the descriptor of a file of at
   * least its size, which may be closed afterwards; and its checksums.
   */
  addSegment(segment: Buffer | number, checksums: Uint32Array): void
  /** Slots below this number may be read; their segments must have been added. */
  publish(slots: number): void
  score(
    query: Float32Array,
    slots: Uint32Array,
    metric: number,
    out: Float32Array,
    abort: Int32Array | undefined,
  ): Promise<void>
  read(slots: Uint32Array, out: Float32Array, abort: Int32Array | undefined): Promise<void>
  table(): ReaderHandle
  stats(): NativeReaderStats
  /** Once only. Resolves when the mappings are gone. */
  close(): Promise<void>
}

interface NativeAddon extends AddonBase {
  Reader: new (options: NativeReaderOptions) => NativeReader
}

export const native: NativeAddon = loadAddon<NativeAddon>(import.meta.url)
