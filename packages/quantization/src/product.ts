import { AnnulusError } from '@annulus/native'
import { rejectUnknown } from './options.js'
import type { Quantizer } from './quantizer.js'
import { trainNative } from './train.js'

const compressions = [4, 8, 16, 32, 64] as const

export interface ProductOptions {
  /**
   * How many times smaller than float32 the codes are: 4 is a byte for each component, 64 a byte for
   * sixteen. Default 16.
   */
  readonly compression?: (typeof compressions)[number]
  /** Seed of what training chooses at random, a whole number from 0. Default 0. */
  readonly seed?: number
}

/**
 * Product quantization: neighbouring components share a byte, which names the nearest of 256 centroids
 * that training found for them (Jegou, Douze and Schmid, 2011). Queries are compared with all centroids
 * exactly. The same sample, options and seed give the same codes on any number of threads.
 *
 * Use it when memory must shrink 8 to 64 times and the vectors have structure that centroids can learn
 * (images, sparse or clustered data); at 4 `scalar()` is as small, faster and finds more. Training costs seconds rather than
 * milliseconds, and new vectors unlike the sample are encoded badly. Rescore with an oversampling of 2 (8) to 4
 * or more (32, 64). All metrics.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`.
 */
export function product(options: ProductOptions = {}): Quantizer {
  rejectUnknown('product', options, ['compression', 'seed'])
  const { compression = 16, seed = 0 } = options
  if (!compressions.includes(compression)) {
    throw invalid('compression', `must be one of ${compressions.join(', ')}`, compression)
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw invalid('seed', 'must be a whole number from 0', seed)
  }
  const settings = { compression, seed }
  return {
    kind: 'product',
    settings,
    train: (sample, train) => trainNative('product', sample, train, settings),
  }
}

function invalid(option: string, rule: string, value: unknown): AnnulusError {
  return new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${option} ${rule}, not ${String(value)}`, {
    details: { option, value },
  })
}
