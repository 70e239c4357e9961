import type { Metric, Pool } from '@annulus/native'
import type { Codes } from './codes.js'

/** What training needs beside the sample. */
export interface TrainOptions {
  /** Components of each vector, 1 to 65,535. */
  readonly dimension: number
  readonly metric: Metric
  /** Threads for training, and later for encoding and scanning. */
  readonly pool: Pool
  /** Aborts training; it then rejects with AbortError. */
  readonly signal?: AbortSignal
  /** Called now and then with the steps done and to do, at last with both equal. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Options of a quantizer by name. */
export type QuantizerSettings = Readonly<Record<string, number>>

/** A way to turn vectors into codes. */
export interface Quantizer {
  readonly kind: string
  /**
   * What it was made with, as plain numbers: what a collection keeps beside the kind, and what
   * `quantizerFrom` makes the same quantizer from. What training decides is not among it.
   */
  readonly settings?: QuantizerSettings
  /** The metrics it can be trained for. Default: all. */
  readonly metrics?: readonly Metric[]
  /**
   * Learns from a sample of n × dimension floats, as the user gave them, and returns empty codes.
   * The sample must not change until the promise has settled.
   *
   * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_VECTOR`, `ANNULUS_INVALID_ARGUMENT`.
   */
  train(sample: Float32Array, options: TrainOptions): Promise<Codes>
}
