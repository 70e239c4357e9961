import { AnnulusError } from '@annulus/native'
import { rejectUnknown } from './options.js'
import type { Quantizer } from './quantizer.js'
import { trainNative } from './train.js'

export interface ScalarOptions {
  /**
   * Share of the sample's values (all components of all vectors pooled) that the range of the codes
   * must hold, from 0.5 to 1; the rest is clipped, half at each end. Default: of 1, 0.9999, 0.999
   * and 0.99 the one with the least expected error of a distance on the sample.
   */
  readonly quantile?: number
}

/**
 * Scalar quantization: one byte for each component, 256 levels over one range. A component inside
 * the range is off by at most half a step. Queries keep 16 bits and are not clipped, so their own
 * rounding is negligible and scaling a query does not change a ranking.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`.
 */
export function scalar(options: ScalarOptions = {}): Quantizer {
  rejectUnknown('scalar', options, ['quantile'])
  const { quantile } = options
  if (quantile !== undefined && !(quantile >= 0.5 && quantile <= 1)) {
    throw new AnnulusError(
      'ANNULUS_INVALID_ARGUMENT',
      `quantile must be from 0.5 to 1, not ${quantile}`,
      { details: { option: 'quantile', value: quantile } },
    )
  }
  const settings = quantile === undefined ? {} : { quantile }
  return {
    kind: 'scalar',
    settings,
    train: (sample, train) => trainNative('scalar', sample, train, settings),
  }
}
