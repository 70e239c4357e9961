// Memory that codes will take, before there are any: what `auto` compares with its budget.
import type { Metric } from '@annulus/native'
import type { QuantizerSettings } from './quantizer.js'

export interface CodeSize {
  /** Of each vector. */
  readonly bytesPerVector: number
  /** Once for all: the codebook, with room for calibration and the table of chunks. */
  readonly fixedBytes: number
}

const bookkeeping = 4096

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit

/** As `RowLayout::of` in native/row_store.cpp: whole cache lines where the padding costs at most an eighth. */
function rowBytes(code: number, terms = 0): number {
  const unit = [64, 32].find((each) => roundUp(code, each) - code <= Math.floor(code / 8)) ?? 16
  const stride = roundUp(code, unit)
  return stride + (stride >= roundUp(code, 4) + terms ? 0 : terms)
}

export function noneSize(dimension: number): CodeSize {
  return { bytesPerVector: rowBytes(4 * dimension), fixedBytes: bookkeeping }
}

export function scalarSize(dimension: number, metric: Metric): CodeSize {
  return {
    bytesPerVector: rowBytes(dimension, metric === 'manhattan' ? 0 : 4),
    fixedBytes: bookkeeping,
  }
}

const rotatedTerms = 32
const rotatedAxes = 8

export function rotatedSize(dimension: number, bits: number): CodeSize {
  const code = roundUp(Math.ceil((dimension * bits) / 8), 4)
  return {
    bytesPerVector: rowBytes(code + rotatedTerms),
    fixedBytes: bookkeeping + 4 * (rotatedAxes + 1) * dimension,
  }
}

const centroids = 256

/** Centroids are kept twice: by component, and by centroid. */
export function productSize(dimension: number, compression: number): CodeSize {
  return {
    bytesPerVector: rowBytes(Math.ceil((4 * dimension) / compression)),
    fixedBytes: bookkeeping + 2 * 4 * centroids * dimension,
  }
}

const binaryTerms = 12

export function binarySize(dimension: number): CodeSize {
  return {
    bytesPerVector: rowBytes(8 * Math.ceil(dimension / 64) + binaryTerms),
    fixedBytes: bookkeeping + 4 * dimension,
  }
}

/** What codes of a kind take, before there are any; undefined for a kind that is not of this package. */
export function codeSize(
  kind: string,
  settings: QuantizerSettings,
  dimension: number,
  metric: Metric,
): CodeSize | undefined {
  if (kind === 'none') return noneSize(dimension)
  if (kind === 'scalar') return scalarSize(dimension, metric)
  if (kind === 'binary') return binarySize(dimension)
  if (kind === 'rotated') return rotatedSize(dimension, settings['bits'] ?? 4)
  if (kind === 'product') return productSize(dimension, settings['compression'] ?? 16)
  return undefined
}
