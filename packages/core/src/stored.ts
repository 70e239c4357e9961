// Small records of LMDB, packed and sealed. A checksum says that a record is what was written, not that
// Annulus wrote it: none is used before its shape was checked.
import { AnnulusError } from '@annulus/native'
import { pack, unpack } from 'msgpackr'
import { sealed, unseal } from './sealed.js'

/** Whether a decoded value is a T. */
export type Shape<T> = (value: unknown) => value is T

export function encodeStored(value: unknown): Buffer {
  return sealed(pack(value))
}

/** @throws AnnulusError `ANNULUS_CORRUPT` naming `what` when it is damaged or is no T. */
export function decodeStored<T>(bytes: Buffer, what: string, shape: Shape<T>): T {
  const content = unseal(bytes, what)
  let value: unknown
  try {
    value = unpack(content)
  } catch (cause) {
    throw malformed(what, 'cannot be decoded', cause)
  }
  if (shape(value)) return value
  throw malformed(what, 'is not what Annulus writes there')
}

function malformed(what: string, problem: string, cause?: unknown): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${what} ${problem}`, {
    details: { record: what },
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Integers in [min, max]. */
export function integers(min = 0, max = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value): value is number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}

/** Strings with 1 to `lengthMax` characters that match the pattern. */
export function texts(lengthMax: number, pattern = /^/): Shape<string> {
  return (value): value is string =>
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= lengthMax &&
    pattern.test(value)
}

export function oneOf<T>(values: readonly T[]): Shape<T> {
  return (value): value is T => values.some((each) => each === value)
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value): value is T | undefined => value === undefined || shape(value)
}

export function listsOf<T>(shape: Shape<T>, lengthMax = Number.POSITIVE_INFINITY): Shape<T[]> {
  return (value): value is T[] =>
    Array.isArray(value) && value.length <= lengthMax && value.every(shape)
}

export function pairsOf<A, B>(first: Shape<A>, second: Shape<B>): Shape<[A, B]> {
  return (value): value is [A, B] =>
    Array.isArray(value) && value.length === 2 && first(value[0]) && second(value[1])
}

/** Objects whose values are all of one shape. */
export function mapsOf<T>(shape: Shape<T>): Shape<Record<string, T>> {
  return (value): value is Record<string, T> =>
    isPlain(value) && Object.values(value).every((each) => shape(each))
}

type Fields<T> = {
  [K in keyof T]-?: object extends Pick<T, K> ? Shape<T[K] | undefined> : Shape<T[K]>
}

/** Objects with these fields; what a later Annulus may have added is left alone. */
export function objectsOf<T extends object>(fields: Fields<T>): Shape<T> {
  const all: [string, Shape<unknown>][] = Object.entries(fields)
  return (value): value is T =>
    isPlain(value) && all.every(([name, shape]) => shape(Reflect.get(value, name)))
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
