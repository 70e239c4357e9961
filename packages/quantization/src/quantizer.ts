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

/** What a quantizer that picks another one goes by. */
export interface ChoiceInput {
  readonly dimension: number
  readonly metric: Metric
  /** Vectors to be encoded. */
  readonly count: number
  /** Bytes of codes that the new ones will replace; they count as free. Default 0. */
  readonly replacedBytes?: number
  /** Bytes that the new codes may take, where whoever asks keeps to a budget. */
  readonly memoryBytes?: number | undefined
}

/** What was picked, and why. */
export interface Choice {
  readonly kind: string
  readonly settings: QuantizerSettings
  /** For people. */
  readonly reason: string
  /** Vectors up to which it stands; undefined when more would change nothing. */
  readonly countMax: number | undefined
}

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
  /** Only of one that picks another: that one, by kind and settings as `quantizerFrom` takes them. */
  choose?(input: ChoiceInput): Choice
  /**
   * Learns from a sample of n × dimension floats, as the user gave them, and returns empty codes.
   * The sample must not change until the promise has settled.
   *
   * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_VECTOR`, `ANNULUS_INVALID_ARGUMENT`.
   */
  train(sample: Float32Array, options: TrainOptions): Promise<Codes>
}
