// The one file of this package that loads the addon.
import { type AddonBase, loadAddon, type ReaderHandle } from '@annulus/native'

/** How far setting up a ring came, by the numbers of ring.h. */
export const stages = ['ready', 'setup', 'map', 'features', 'wake', 'read'] as const

export interface ProbeResult {
  readonly supported: boolean
  /** Index into {@link stages}. */
  readonly stage: number
  readonly errno: number
  /** IORING_SETUP_* that the kernel took. */
  readonly setupFlags: number
}

export interface StartResult {
  /** False: reads go through pread, because of `errno` at `stage`. */
  readonly ring: boolean
  readonly stage: number
  readonly errno: number
  readonly setupFlags: number
  readonly registeredBuffers: boolean
  readonly registeredFiles: boolean
}

export interface EngineOptions {
  readonly dimension: number
  readonly stride: number
  readonly headerBytes: number
  readonly slotsPerSegment: number
  readonly segmentBytes: number
  /** 0 never, 1 always, 2 where it pays. */
  readonly direct: number
  readonly queueDepth: number
  readonly fallbackThreads: number
  readonly mergeGap: number
  readonly joinReads: boolean
  readonly taskrun: boolean
  readonly registeredFiles: boolean
  readonly registeredBuffers: boolean
  /** Where `direct` is 2: whether the vectors fit into the memory that is free. */
  readonly fit: boolean
  /** Memory for vectors that were read past the page cache. */
  readonly cacheMiB: number
  /** Makes set-up fail with this errno; 0 asks the kernel. */
  readonly denyErrno: number
}

export interface EngineStats {
  readonly reads: number
  readonly readBytes: number
  readonly vectors: number
  /** Vectors that were in memory, scored on the caller's thread. */
  readonly residentHits: number
  /** Those of them that were in the engine's own cache. */
  readonly hotHits: number
  /** Bytes that the kernel was asked to read ahead into the page cache. */
  readonly readAheadBytes: number
  /** Vectors that came with a read another request had started. */
  readonly joined: number
  /** Short reads that were continued. */
  readonly resumed: number
  readonly errors: number
  readonly inFlight: number
  readonly inFlightMax: number
  /** System calls that started reads or waited for them. */
  readonly systemCalls: number
  readonly direct: boolean
  /** The errno after which the ring gave way to the fallback; 0 while it serves. */
  readonly brokenErrno: number
}

export interface NativeEngine {
  /** Once, before anything is read. */
  start(): Promise<StartResult>
  /** Segments come in the order of their numbers, one at a time. */
  addSegment(number: number, path: string, checksums: Uint32Array): Promise<void>
  setSlots(slots: number): void
  /** Where `direct` is 2: whether the vectors fit now. */
  expectFit(fit: boolean): void
  /** Before slots [first, end), written before, get new vectors; one write at a time. */
  /** Slots that were written before, ascending. */
  beginRewrite(slots: Uint32Array): void
  endRewrite(): void
  read(slots: Uint32Array, out: Float32Array, abort: Int32Array | undefined): Promise<void>
  score(
    query: Float32Array,
    slots: Uint32Array,
    metric: number,
    out: Float32Array,
    abort: Int32Array | undefined,
  ): Promise<void>
  table(): ReaderHandle
  stats(): EngineStats
  /** Waits for accepted requests; once. */
  close(): Promise<void>
}

interface UringAddon extends AddonBase {
  probe(options: { readonly denyErrno: number }): ProbeResult
  /** Missing where there are no positional reads (Windows). */
  readonly Engine?: new (
    options: EngineOptions,
  ) => NativeEngine
}

export const native: UringAddon = loadAddon<UringAddon>(import.meta.url)
