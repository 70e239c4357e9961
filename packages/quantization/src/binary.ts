import type { Quantizer } from './quantizer.js'
import { trainNative } from './train.js'

/**
 * Binary quantization: one bit for each component (on which side of the mean of the sample it lies)
 * and 12 bytes of correction terms, 32 times less than float32 for long vectors. Queries keep 9 bits
 * a component.
 *
 * Use it for embeddings of some 1,000 dimensions or more when memory is what counts, always with
 * rescoring and an oversampling of 4 or more; for shorter vectors, or ones that are no embeddings,
 * `rotated({ bits: 1 })` and `product()` find more for the same memory. Trains and encodes faster than any
 * other kind. Cosine, dot and euclidean; training for manhattan is refused.
 *
 * @throws AnnulusError `ANNULUS_UNSUPPORTED` by `train` for the metric manhattan.
 */
export function binary(): Quantizer {
  return {
    kind: 'binary',
    metrics: ['cosine', 'dot', 'euclidean'],
    train: (sample, train) => trainNative('binary', sample, train),
  }
}
