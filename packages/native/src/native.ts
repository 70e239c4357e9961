// The one file of this package that loads the addon.
import { type AddonBase, type Handle, loadAddon } from './addon.js'

export type PoolHandle = Handle<'pool'>
export type ScorerHandle = Handle<'scorer'>
export type ReaderHandle = Handle<'reader'>
export type SourceHandle = Handle<'source'>

/** What {@link releaseHandle} takes. */
export type ReleasableHandle = SourceHandle | ScorerHandle | ReaderHandle

export interface NativePool {
  readonly handle: PoolHandle
  readonly threads: number
  close(): void
}

export interface NativeFileLock {
  release(): void
}

/** How to search; what there is to find is [source, allowed, source, allowed, ...]. */
export type PlanArguments = [
  pool: PoolHandle,
  sources: readonly (SourceHandle | Uint32Array | undefined)[],
  reader: ReaderHandle | undefined,
  metric: number,
  limit: number,
  candidates: number,
  ef: number,
  rescore: number,
  loss: number,
  background: boolean,
]

export interface NativePreparedSearch {
  /** A ticket; -1 for a query of another dimension, or that is not finite, or zero where it must not be. */
  begin(query: Float32Array): number
  release(): void
}

interface NativeAddon extends AddonBase {
  Pool: new (threads: number) => NativePool
  FileLock: new (path: string) => NativeFileLock
  releaseHandle(handle: ReleasableHandle): void
  crc32c(bytes: Uint8Array, seed: number): number
  checksumVectorsNow(vectors: Float32Array, dimension: number, slots: Uint32Array): Uint32Array
  checksumVectors(
    pool: PoolHandle,
    vectors: Float32Array,
    dimension: number,
    slots: Uint32Array,
  ): Promise<Uint32Array>
  distances(
    pool: PoolHandle,
    query: Float32Array,
    vectors: Float32Array,
    metric: number,
    abort: Int32Array | undefined,
  ): Promise<Float32Array>
  /** [kind, index, component]; kind 1 NaN, 2 infinity, 3 zero. */
  findFaultyVector(
    vectors: Float32Array,
    dimension: number,
    allowZero: boolean,
  ): [number, number, number] | undefined
  /** 0, or an errno. */
  dropPageCache(path: string): number
  fileIsResident(pool: PoolHandle, path: string, readAheadBytes: number): Promise<boolean>
  /** 0, or an errno. */
  punchHole(path: string, from: number, bytes: number): number
  /** [errno or 0, milliseconds of CPU time]; three numbers a part. */
  writeScattered(fd: number, memory: Uint8Array, parts: Float64Array): Promise<[number, number]>
  search(
    ...plan: [...PlanArguments, queries: Float32Array, abort: Int32Array | undefined]
  ): Promise<Uint32Array>
  PreparedSearch: new (...plan: PlanArguments) => NativePreparedSearch
  /** Sets what is called with results: `count` of them, one after the other. */
  onFound(callback: (words: Uint32Array, count: number) => void): void
  /** A copy of the query; only while the callback runs, as the next. */
  queryOf(ticket: number): Float32Array
  failureOf(ticket: number): Error
  nextReads(
    estimates: Float32Array,
    below: Float32Array,
    above: Float32Array,
    distances: Float32Array,
    read: Uint8Array,
    rescore: number,
    limit: number,
    loss: number,
  ): Uint32Array
}

export const native: NativeAddon = loadAddon<NativeAddon>(import.meta.url)
