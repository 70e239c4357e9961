// The one file of this package that loads the addon.
import {
  type AddonBase,
  type Handle,
  loadAddon,
  type PoolHandle,
  type ScorerHandle,
  type SourceHandle,
} from '@annulus/native'

export type CodesHandle = Handle<'codes'>

export interface Description {
  readonly kind: string
  readonly dimension: number
  readonly metric: number
  readonly bytesPerVector: number
  readonly parameters: Readonly<Record<string, number>>
}

interface Addon extends AddonBase {
  /** `progress` receives steps done and to do. */
  train(
    kind: number,
    sample: Float32Array,
    dimension: number,
    metric: number,
    settings: Readonly<Record<string, number>>,
    pool: PoolHandle,
    progress: Uint32Array,
    abort: Int32Array | undefined,
  ): Promise<CodesHandle>
  encode(
    codes: CodesHandle,
    slots: number | Uint32Array,
    vectors: Float32Array,
    abort: Int32Array | undefined,
  ): Promise<void>
  /** Slots, then the bits of as many float32 distances. */
  scan(
    codes: CodesHandle,
    query: Float32Array,
    k: number,
    allowed: Uint32Array | undefined,
    from: number,
    to: number,
    background: boolean,
    abort: Int32Array | undefined,
  ): Promise<Uint32Array>
  save(codes: CodesHandle, path: string, abort: Int32Array | undefined): Promise<void>
  /** Rows that take `laterFrom` bytes or more are left to `loadRows`. */
  load(
    path: string,
    pool: PoolHandle,
    laterFrom: number,
    abort: Int32Array | undefined,
  ): Promise<CodesHandle>
  /** Once. */
  loadRows(codes: CodesHandle, abort: Int32Array | undefined): Promise<void>
  loaded(codes: CodesHandle): number
  describe(codes: CodesHandle): Description
  slots(codes: CodesHandle): number
  bytes(codes: CodesHandle): number
  limitSketches(codes: CodesHandle, bytes: number): void
  /** Vectors looked at, those beyond, and the share of the training sample that is. */
  fit(codes: CodesHandle): [number, number, number] | undefined
  decode(codes: CodesHandle, slot: number): Float32Array
  scorer(codes: CodesHandle): ScorerHandle
  source(codes: CodesHandle): SourceHandle
  close(codes: CodesHandle): void
  /** For tests: the scorer's functions; a number is a stored slot taken as the query. */
  queryDistances(
    scorer: ScorerHandle,
    query: Float32Array | number,
    slots: Uint32Array,
  ): Float32Array
  /** For tests: estimates, how far below them truth lies at most, and how far above; undefined where the code has none. */
  queryBounds(
    scorer: ScorerHandle,
    query: Float32Array,
    slots: Uint32Array,
  ): Float32Array | undefined
  pairDistances(scorer: ScorerHandle, slot: number, slots: Uint32Array): Float32Array
  /** For tests: the instruction sets of this machine, and the sums of all kernels of one of them. */
  isas(): string[]
  intKernels(
    isa: string,
    rows: Uint8Array,
    n: number,
    query: Int16Array,
    other: Uint8Array,
    part: Uint8Array,
  ): Float64Array
}

export const native: Addon = loadAddon<Addon>(import.meta.url)
