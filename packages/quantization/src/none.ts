import type { Quantizer } from './quantizer.js'
import { trainNative } from './train.js'

/**
 * No quantization: float32 vectors in memory (normalised for cosine), exact distances. Takes four
 * bytes for each component and needs no sample: `train` accepts an empty one.
 */
export function none(): Quantizer {
  return {
    kind: 'none',
    train: (sample, train) => trainNative('none', sample, train),
  }
}
