// Picks the kind of codes. The README tells which measurement each rule rests on.
import { AnnulusError, availableMemory } from '@annulus/native'
import { none } from './none.js'
import { rejectUnknown } from './options.js'
import { product } from './product.js'
import type { Choice, ChoiceInput, Quantizer } from './quantizer.js'
import { rotated } from './rotated.js'
import { scalar } from './scalar.js'
import { type CodeSize, noneSize, productSize, rotatedSize, scalarSize } from './sizes.js'

export interface AutoOptions {
  /**
   * Bytes that codes may take. Default: what the `memoryBudget` of the collection leaves; without one half of the memory that is available when codes are trained, what
   * the control group of the process leaves included; the other half is for graph, payloads and page cache.
   */
  readonly memoryBytes?: number
}

/** Up to here float32 takes two cache lines at most, and codes save little. */
const floatsDimensionMax = 32
/** Least dimension by bits: below, product codes of the same size find more than the code beside 32 bytes of terms. */
const rotations = [
  { bits: 4, from: 128 },
  { bits: 2, from: 256 },
  { bits: 1, from: 256 },
] as const
const availableShare = 0.5

interface Candidate {
  readonly quantizer: Quantizer
  readonly size: CodeSize
}

/** Best first, by recall and speed; those that know the metric. */
function candidates({ dimension, metric }: ChoiceInput): Candidate[] {
  const products = ([8, 16, 32, 64] as const).map((compression) => ({
    quantizer: product({ compression }),
    size: productSize(dimension, compression),
  }))
  const rotates = rotations
    .filter(({ from }) => dimension >= from)
    .map(({ bits }) => ({ quantizer: rotated({ bits }), size: rotatedSize(dimension, bits) }))
  const all: Candidate[] = [
    ...(dimension > floatsDimensionMax ? [] : [{ quantizer: none(), size: noneSize(dimension) }]),
    { quantizer: scalar(), size: scalarSize(dimension, metric) },
    ...rotates,
    ...products,
  ]
  return all.filter(({ quantizer }) => quantizer.metrics?.includes(metric) !== false)
}

const bytesOf = ({ size }: Candidate, count: number) =>
  size.fixedBytes + count * size.bytesPerVector

/**
 * The kind of codes that suits dimension, metric, number of vectors and memory: of `none()` (up to 32
 * dimensions), `scalar()`, `rotated()` and `product()` the best that fits, and the smallest when none does. A collection
 * picks when codes are trained, says what and why in `stats().index`, keeps that in its snapshot, and picks
 * again when it has outgrown the memory and in `optimize()`; while it changes over both sets of codes take memory.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`.
 */
export function auto(options: AutoOptions = {}): Quantizer {
  rejectUnknown('auto', options, ['memoryBytes'])
  const { memoryBytes } = options
  if (memoryBytes !== undefined && !(Number.isSafeInteger(memoryBytes) && memoryBytes > 0)) {
    throw new AnnulusError(
      'ANNULUS_INVALID_ARGUMENT',
      `memoryBytes must be a whole number from 1, not ${memoryBytes}`,
      { details: { option: 'memoryBytes', value: memoryBytes } },
    )
  }
  const pick = (input: ChoiceInput) => {
    if (memoryBytes !== undefined) return pickWithin(memoryBytes, input, 'asked')
    if (input.memoryBytes !== undefined) {
      return pickWithin(input.memoryBytes, input, 'what the memory budget leaves')
    }
    const free = availableMemory() + (input.replacedBytes ?? 0)
    return pickWithin(Math.floor(availableShare * free), input, 'half of the free memory')
  }
  return {
    kind: 'auto',
    settings: memoryBytes === undefined ? {} : { memoryBytes },
    choose: (input) => pick(input).choice,
    train: (sample, train) => {
      const count = Math.floor(sample.length / train.dimension)
      return pick({ dimension: train.dimension, metric: train.metric, count }).quantizer.train(
        sample,
        train,
      )
    },
  }
}

interface Picked {
  readonly quantizer: Quantizer
  readonly choice: Choice
}

function pickWithin(budget: number, input: ChoiceInput, origin: string): Picked {
  const { dimension, metric, count } = input
  const all = candidates(input)
  const { picked, fits } = pickFor(all, budget, count)
  const taken = size(bytesOf(picked, count))
  const room = `${size(budget)} (${origin})`
  const better = all
    .slice(0, all.indexOf(picked))
    .map((each) => `${nameOf(each)} ${size(bytesOf(each, count))}`)
  const rejected = better.length === 0 ? '' : `; too large: ${better.join(', ')}`
  const verdict = fits
    ? `${nameOf(picked)} takes ${taken} of ${room}${rejected}`
    : `no codes fit into ${room}; ${nameOf(picked)} is the smallest and takes ${taken}`
  const { kind, settings = {} } = picked.quantizer
  const reason = `${count} vectors of ${dimension} components (${metric}): ${verdict}`
  const countMax = standsUntil(all, picked, budget, count, fits)
  return { quantizer: picked.quantizer, choice: { kind, settings, reason, countMax } }
}

/** The best that fits, else the smallest. */
function pickFor(all: readonly Candidate[], budget: number, count: number) {
  const best = all.find((each) => bytesOf(each, count) <= budget)
  const smallest = all.reduce((a, b) => (bytesOf(b, count) < bytesOf(a, count) ? b : a))
  return { picked: best ?? smallest, fits: best !== undefined }
}

/** The largest count for which the same is picked. */
function standsUntil(
  all: readonly Candidate[],
  picked: Candidate,
  budget: number,
  count: number,
  fits: boolean,
): number | undefined {
  const { fixedBytes, bytesPerVector } = picked.size
  const last = fits ? Math.floor((budget - fixedBytes) / bytesPerVector) : count
  if (pickFor(all, budget, last + 1).picked !== picked) return last
  // From here on nothing fits, and it stays the smallest until one with more fixed bytes and smaller rows is.
  const until = all
    .filter(({ size }) => size.bytesPerVector < bytesPerVector)
    .map(({ size }) => (size.fixedBytes - fixedBytes) / (bytesPerVector - size.bytesPerVector))
  const least = Math.floor(Math.min(...until))
  return Number.isFinite(least) ? Math.max(last, least) : undefined
}

function nameOf({ quantizer }: Candidate): string {
  const { kind, settings = {} } = quantizer
  const shown = settings['bits'] ?? settings['compression']
  return shown === undefined ? kind : `${kind} ${shown}`
}

function size(bytes: number): string {
  return bytes < 1 << 20
    ? `${Math.ceil(bytes / 1024)} KiB`
    : `${(bytes / (1 << 20)).toFixed(1)} MiB`
}
