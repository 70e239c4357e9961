// What the table `meta` tells of a collection between commits, and `changes` of each commit.
import type { Choice } from '@annulus/quantization'
import type { Calibration } from './calibration.js'
import type { FieldSum } from './field-sum.js'

/** Where a collection stands after its last commit. */
export interface CollectionState {
  /** One past the last slot handed out. */
  readonly slots: number
  /** Live points. */
  readonly points: number
  /** Number of the last commit. */
  readonly sequence: number
  /** What the payload index must hold; absent in databases of before it was kept. */
  readonly fields?: FieldSum | undefined
  /** Keys in `unindexed`; absent as `fields` is. */
  readonly unindexed?: number | undefined
}

/** A complete set of derived files, named here in the same commit that drops the changes it covers. */
export interface SnapshotManifest {
  /** Grows with each snapshot; part of the names of its files. */
  readonly version: number
  /** The commit that the slot table stands at. */
  readonly sequence: number
  readonly slots: string
  readonly codes: string | undefined
  readonly graph: string | undefined
  /** Slots with codes; 0 when there are none. */
  readonly encoded: number
  /** Slots linked into the graph; 0 when there is none. */
  readonly linked: number
  /** Points that the quantizer was trained among. */
  readonly trainedOn: number
  /** What the quantizer picked, if it is one that picks. */
  readonly choice?: Choice | undefined
  /** What was measured of the graph, if anything was. */
  readonly calibration?: Calibration | undefined
}

/** Slots that one commit gave points, and those whose points it removed. */
export interface Change {
  /** Fresh slots: [from, to). */
  readonly from: number
  readonly to: number
  /** Slots that had other points before. */
  readonly reused?: readonly number[]
  readonly removed: readonly number[]
  /** Where the slots ended before, if they end at `to` now because those behind were given up. */
  readonly cutFrom?: number | undefined
}
