// The quantizers of this package by kind, to make one again from what a collection kept of it.
import { type AutoOptions, auto } from './auto.js'
import { binary } from './binary.js'
import { none } from './none.js'
import { type ProductOptions, product } from './product.js'
import type { Quantizer, QuantizerSettings } from './quantizer.js'
import { rotated } from './rotated.js'
import { scalar } from './scalar.js'

const kinds: Readonly<Record<string, (settings: QuantizerSettings) => Quantizer>> = {
  none: () => none(),
  scalar: (settings) => scalar(settings),
  // Checked by `product` like any options.
  product: (settings) => product(settings as ProductOptions),
  binary: () => binary(),
  rotated: (settings) => rotated(settings),
  auto: (settings) => auto(settings as AutoOptions),
}

/**
 * The quantizer of that kind with those settings, or undefined when this package has no such kind.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION` for other settings.
 */
export function quantizerFrom(
  kind: string,
  settings: QuantizerSettings = {},
): Quantizer | undefined {
  return Object.hasOwn(kinds, kind) ? kinds[kind]?.(settings) : undefined
}
