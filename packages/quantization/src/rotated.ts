import { AnnulusError } from '@annulus/native'
import { rejectUnknown } from './options.js'
import type { Quantizer } from './quantizer.js'
import { trainNative } from './train.js'

export interface RotatedOptions {
  /**
   * Bits of each component: 1, 2, 4 (default) or 8. A vector takes so many bits for each component
   * and 32 bytes of correction terms.
   */
  readonly bits?: number
  /** Of the random rotation, a whole number from 0 to 2^53 - 1. Default 0. */
  readonly seed?: number
}

const bitsAllowed = [1, 2, 4, 8]

/**
 * Rotated codes: vectors are rotated at random and coded with 1, 2, 4 or 8 bits for each component,
 * with correction terms that make every distance an unbiased estimate with an error bound, so that
 * bounded rescoring knows which candidates can still win. After RaBitQ (Gao and Long, SIGMOD 2024)
 * and its multi-bit successor (Gao et al., SIGMOD 2025); what varies most in the sample, eight
 * principal axes, is kept apart and nearly exact.
 *
 * Use 8 bits where results are taken without rescoring, 4 for half the memory of scalar codes and few
 * rescored vectors, 1 or 2 for collections whose codes would not fit into memory otherwise, with
 * rescoring and an oversampling of 4. Cosine, dot and euclidean; training for manhattan is refused.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`; `ANNULUS_UNSUPPORTED` by
 * `train` for the metric manhattan.
 */
export function rotated(options: RotatedOptions = {}): Quantizer {
  rejectUnknown('rotated', options, ['bits', 'seed'])
  const { bits = 4, seed = 0 } = options
  if (!bitsAllowed.includes(bits)) throw invalid('bits', bits, 'one of 1, 2, 4 and 8')
  if (!(Number.isSafeInteger(seed) && seed >= 0)) {
    throw invalid('seed', seed, 'a whole number from 0 to 2^53 - 1')
  }
  return {
    kind: 'rotated',
    settings: {
      ...(options.bits === undefined ? {} : { bits }),
      ...(options.seed === undefined ? {} : { seed }),
    },
    metrics: ['cosine', 'dot', 'euclidean'],
    train: (sample, train) => trainNative('rotated', sample, train, { bits, seed }),
  }
}

function invalid(option: string, value: number, allowed: string): AnnulusError {
  return new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `${option} must be ${allowed}, not ${value}`,
    {
      details: { option, value },
    },
  )
}
