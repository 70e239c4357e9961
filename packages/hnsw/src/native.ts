// The one file of this package that loads the addon.
import {
  type AddonBase,
  loadAddon,
  type PoolHandle,
  type ScorerHandle,
  type SourceHandle,
} from '@annulus/native'
import type { CheckReport } from './check-report.js'
import type { GraphStats } from './graph-stats.js'
import type { Left, Piece } from './pieces.js'
import type { RepairReport } from './repair-report.js'

/** The report comes with the last piece. */
export interface RepairPiece extends Piece, Partial<RepairReport> {}

export interface NativeGraph {
  readonly size: number
  insert(
    slots: Uint32Array,
    abort: Int32Array | undefined,
    progress: Uint32Array | undefined,
    background: boolean,
    cpuMs: number,
    hidden: boolean,
  ): Promise<Piece>
  /** How many slots changed. */
  remove(slots: Uint32Array): number
  /** How many slots changed. */
  reveal(slots: Uint32Array): number
  /** One at a time. Counts slots looked at, of how many, in two words. */
  repair(
    abort: Int32Array | undefined,
    progress: Uint32Array | undefined,
    cpuMs: number,
  ): Promise<RepairPiece>
  /** Goes on with an insertion or a repair. */
  proceed(
    abort: Int32Array | undefined,
    progress: Uint32Array | undefined,
    cpuMs: number,
    left: Left,
  ): Promise<RepairPiece>
  /** Slots, then as many distances as float32 bits. */
  search(
    query: Float32Array,
    k: number,
    ef: number,
    allowed: Uint32Array | undefined,
    skip: number | undefined,
    abort: Int32Array | undefined,
  ): Promise<Uint32Array>
  contains(slot: number): boolean
  occupied(): Uint32Array
  stats(): GraphStats
  save(path: string, abort: Int32Array | undefined): Promise<void>
  check(): Promise<CheckReport>
  source(): SourceHandle
  close(): void
}

declare const readGraph: unique symbol
/** Becomes a graph by `new Graph(read, scorer, pool)`, once. */
export interface ReadGraph {
  readonly [readGraph]: true
}

interface NativeAddon extends AddonBase {
  Graph: {
    new (
      scorer: ScorerHandle,
      pool: PoolHandle,
      m: number,
      efConstruct: number,
      seed: number,
    ): NativeGraph
    new (read: ReadGraph, scorer: ScorerHandle, pool: PoolHandle): NativeGraph
  }
  readGraph(path: string, abort: Int32Array | undefined): Promise<ReadGraph>
}

export const native: NativeAddon = loadAddon<NativeAddon>(import.meta.url)
