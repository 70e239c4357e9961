export { type AutoOptions, auto } from './auto.js'
export { binary } from './binary.js'
export type { CodeFit, Codes, EncodeOptions, SaveOptions, ScanOptions } from './codes.js'
export { quantizerFrom } from './kinds.js'
export { type LoadOptions, loadCodes } from './load.js'
export { none } from './none.js'
export { type ProductOptions, product } from './product.js'
export type {
  Choice,
  ChoiceInput,
  Quantizer,
  QuantizerSettings,
  TrainOptions,
} from './quantizer.js'
export { type RotatedOptions, rotated } from './rotated.js'
export { type ScalarOptions, scalar } from './scalar.js'
export { type CodeSize, codeSize } from './sizes.js'
