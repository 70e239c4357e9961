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

/** The slots that a write names; consecutive ones may be given by the first. */
function slotsToWrite(slots: unknown, count: number): Uint32Array {
  if (!(slots instanceof Uint32Array)) {
    const first = checkInteger('slots', slots, 0, slotsMax)
    if (first + count > slotsMax) throw tooManySlots(first + count - 1)
    return Uint32Array.from({ length: count }, (_, i) => first + i)
  }
  if (slots.length !== count) {
    throw new AnnulusError(
      'ANNULUS_INVALID_ARGUMENT',
      `${slots.length} slots for ${count} vectors`,
      {
        details: { argument: 'slots', slots: slots.length, vectors: count },
      },
    )
  }
  for (let i = 1; i < count; i++) {
    const slot = slots[i] as number
    if (slot > (slots[i - 1] as number)) continue
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `slot ${slot} does not ascend`, {
      details: { argument: 'slots', slot },
    })
  }
  if (slots.at(-1) === slotsMax) throw tooManySlots(slotsMax)
  return slots
}

function tooManySlots(slot: number): AnnulusError {
  return new AnnulusError('ANNULUS_LIMIT', `a storage holds at most ${slotsMax} slots`, {
    details: { slot, slotsMax },
  })
}

/** Arguments of `write`, but for finite values and gaps. Returns the slot of each vector. */
export function checkWriteShape(slots: unknown, vectors: unknown, dimension: number): Uint32Array {
  checkFloats('vectors', vectors)
  if (vectors.length % dimension !== 0) throw dimensionError('vectors', vectors.length, dimension)
  return slotsToWrite(slots, vectors.length / dimension)
}

/** Arguments of `write`, but for gaps. Returns the slot of each vector. */
export function checkWrite(slots: unknown, vectors: Float32Array, dimension: number): Uint32Array {
  const checked = checkWriteShape(slots, vectors, dimension)
  checkFinite('vectors', vectors, dimension)
  return checked
}

/** How many of these ascending slots lie past the end of a storage. */
export function freshSlots(slots: Uint32Array, stored: number): number {
  return Math.max(0, (slots.at(-1) ?? -1) + 1 - stored)
}

/** A write may overwrite or append, never leave a gap. */
export function checkNoGap(slots: Uint32Array, stored: number): void {
  const fresh = freshSlots(slots, stored)
  // They ascend: where as many follow the end as lie past it, there is none between them.
  if (fresh === 0 || slots[slots.length - fresh] === stored) return
  const slot = slots.find((found) => found > stored)
  throw new AnnulusError(
    'ANNULUS_OUT_OF_RANGE',
    `slot ${slot} would leave a gap: the storage has ${stored} slots`,
    { details: { slot, slots: stored } },
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
