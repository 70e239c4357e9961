// Checks of what callers pass, made before anything changes.
import {
  AbortError,
  AnnulusError,
  checkOptions as checkKnownOptions,
  validateVectors,
} from '@annulus/native'
import { dimensionMax, slotsMax } from './layout.js'
import type { OpenOptions } from './types.js'

/** Rejects what is not a plain object, and options that do not exist, by name. */
export function checkOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${what}: the options must be an object`)
  }
  checkKnownOptions(what, options, known)
}

export function checkInteger(what: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
    return value
  }
  throw new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `${what} must be an integer from ${min} to ${max}, not ${String(value)}`,
    { details: { argument: what, value } },
  )
}

/** Names of the options that every factory takes. */
export const openOptionNames: readonly string[] = [
  'path',
  'dimension',
  'slots',
  'readOnly',
  'signal',
]

/**
 * Checks what a factory was opened with: for backends, before they touch anything.
 *
 * @param known names of all options there are; default those of `OpenOptions`.
 * @throws AnnulusError `ANNULUS_UNKNOWN_OPTION`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_ABORTED`.
 */
export function checkOpenOptions(
  options: OpenOptions,
  known: readonly string[] = openOptionNames,
): void {
  checkOptions('open', options, known)
  if (typeof options.path !== 'string' || options.path === '' || options.path.includes('\0')) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'path must be the name of a directory', {
      details: { argument: 'path', value: options.path },
    })
  }
  checkInteger('dimension', options.dimension, 1, dimensionMax)
  if (options.slots !== undefined) checkInteger('slots', options.slots, 0, slotsMax)
  if (options.readOnly !== undefined && typeof options.readOnly !== 'boolean') {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'readOnly must be true or false', {
      details: { argument: 'readOnly', value: options.readOnly },
    })
  }
  if (options.readOnly === true && options.slots === undefined) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'readOnly needs slots', {
      details: { argument: 'slots' },
    })
  }
  if (options.signal?.aborted === true) throw new AbortError(options.signal.reason)
}

/**
 * How many of the `found` slots a backend is to keep: those that were committed, or all when nobody says.
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` when committed slots are missing.
 */
export function slotsToKeep(options: OpenOptions, found: number): number {
  const { path, slots = found } = options
  if (slots <= found) return slots
  throw new AnnulusError('ANNULUS_CORRUPT', `${path} holds ${found} vectors, not ${slots}`, {
    details: { path, slots, found },
  })
}

function checkFloats(what: string, vectors: unknown): asserts vectors is Float32Array {
  if (vectors instanceof Float32Array) return
  throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${what} must be a Float32Array`, {
    details: { argument: what },
  })
}

function checkFinite(what: string, vectors: Float32Array, dimension: number): void {
  const fault = validateVectors(vectors, dimension, { allowZero: true })
  if (fault === undefined) return
  const { component, index } = fault
  const value = vectors[index * dimension + component]
  throw new AnnulusError(
    'ANNULUS_INVALID_VECTOR',
    `${what}: component ${component} of vector ${index} is ${value}`,
    { details: { argument: what, vector: index, component } },
  )
}

function dimensionError(what: string, length: number, dimension: number): AnnulusError {
  return new AnnulusError(
    'ANNULUS_DIMENSION',
    `${what}: ${length} components do not fit the dimension ${dimension}`,
    { details: { argument: what, length, dimension } },
  )
}

/** Arguments of `write`, but for finite values and gaps. Returns the number of vectors. */
export function checkWriteShape(firstSlot: unknown, vectors: unknown, dimension: number): number {
  const first = checkInteger('firstSlot', firstSlot, 0, slotsMax)
  checkFloats('vectors', vectors)
  if (vectors.length % dimension !== 0) throw dimensionError('vectors', vectors.length, dimension)
  const count = vectors.length / dimension
  if (first + count <= slotsMax) return count
  throw new AnnulusError('ANNULUS_LIMIT', `a storage holds at most ${slotsMax} slots`, {
    details: { firstSlot: first, vectors: count, slotsMax },
  })
}

/** Arguments of `write`, but for gaps. Returns the number of vectors. */
export function checkWrite(firstSlot: unknown, vectors: Float32Array, dimension: number): number {
  const count = checkWriteShape(firstSlot, vectors, dimension)
  checkFinite('vectors', vectors, dimension)
  return count
}

/** A write may overwrite or append, never leave a gap. */
export function checkNoGap(firstSlot: number, slots: number): void {
  if (firstSlot <= slots) return
  throw new AnnulusError(
    'ANNULUS_OUT_OF_RANGE',
    `firstSlot ${firstSlot} would leave a gap: the storage has ${slots} slots`,
    { details: { slot: firstSlot, slots } },
  )
}

export function checkQuery(query: unknown, dimension: number): asserts query is Float32Array {
  checkFloats('query', query)
  if (query.length !== dimension) throw dimensionError('query', query.length, dimension)
  checkFinite('query', query, dimension)
}

/** Every slot asked for must have been written. */
export function checkSlots(slots: unknown, count: number): asserts slots is Uint32Array {
  if (!(slots instanceof Uint32Array)) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'slots must be a Uint32Array', {
      details: { argument: 'slots' },
    })
  }
  for (const slot of slots) {
    if (slot < count) continue
    throw new AnnulusError(
      'ANNULUS_OUT_OF_RANGE',
      `slot ${slot} was never written: the storage has ${count} slots`,
      { details: { slot, slots: count } },
    )
  }
}
