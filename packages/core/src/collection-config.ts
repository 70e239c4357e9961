import type { Metric } from '@annulus/native'
import type { QuantizerSettings } from '@annulus/quantization'

/** What a collection was created with. */
export interface CollectionConfig {
  readonly number: number
  readonly name: string
  readonly dimension: number
  readonly metric: Metric
  /** Kind of the quantizer. */
  readonly quantization: string
  /** What the quantizer was made with; absent in databases of before it was kept. */
  readonly quantizationSettings?: QuantizerSettings
  readonly m: number
  readonly efConstruct: number
  readonly indexedFields: readonly string[]
}
