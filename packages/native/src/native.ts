// The one file of this package that loads the addon.
import { type AddonBase, type Handle, loadAddon } from './addon.js'

export type PoolHandle = Handle<'pool'>
export type ScorerHandle = Handle<'scorer'>
export type ReaderHandle = Handle<'reader'>
export type SourceHandle = Handle<'source'>

export interface NativePool {
  readonly handle: PoolHandle
  readonly threads: number
  close(): void
}

interface NativeAddon extends AddonBase {
  /** flock without waiting; returns the errno, 0 when locked. */
  lockFile(fd: number): number
  Pool: new (threads: number) => NativePool
  search(
    pool: PoolHandle,
    sources: readonly (SourceHandle | Uint32Array | undefined)[],
    reader: ReaderHandle | undefined,
    query: Float32Array,
    metric: number,
    limit: number,
    candidates: number,
    ef: number,
    abort: Int32Array | undefined,
  ): Promise<Uint32Array>
}

export const native: NativeAddon = loadAddon<NativeAddon>(import.meta.url)
