// Payloads: JSON values, checked before a write and frozen after a read.
import { AnnulusError } from '@annulus/native'
import { Packr } from 'msgpackr'
import { limits } from './limits.js'

const packr = new Packr({ useRecords: false })

/**
 * The bytes of a payload. Properties that are undefined are left out, as JSON does.
 *
 * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT` unless the payload is a plain object of JSON values;
 * `ANNULUS_LIMIT` when it is nested or encoded beyond the limits.
 */
export function encodePayload(payload: unknown): Uint8Array {
  if (!isPlainObject(payload)) throw invalid('must be a plain object', '')
  const bytes = packr.pack(jsonValue(payload, '', 0))
  if (bytes.length > limits.payloadBytesMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a payload may have at most ${limits.payloadBytesMax} bytes, this one has ${bytes.length}`,
      { details: { limit: limits.payloadBytesMax, actual: bytes.length } },
    )
  }
  return bytes
}

/** The payload in `bytes`, frozen through and through because it may be shared by several results. */
export function decodePayload(bytes: Uint8Array): object {
  let value: unknown
  try {
    value = packr.unpack(bytes)
  } catch (cause) {
    throw new AnnulusError('ANNULUS_CORRUPT', 'a payload record cannot be decoded', { cause })
  }
  if (!isPlainObject(value)) {
    throw new AnnulusError('ANNULUS_CORRUPT', 'a payload record is not an object')
  }
  return deepFreeze(value)
}

/** The value without undefined properties: itself unless it has some. */
function jsonValue(value: unknown, path: string, depth: number): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw invalid(`is ${value}, which JSON cannot hold`, path)
  }
  if (typeof value !== 'object') throw invalid(`is a ${typeof value}`, path)
  if (depth >= limits.payloadDepthMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a payload may be nested at most ${limits.payloadDepthMax} levels`,
      {
        details: { limit: limits.payloadDepthMax, path },
      },
    )
  }
  if (Array.isArray(value)) return jsonArray(value, path, depth)
  if (!isPlainObject(value)) throw invalid(foreign(value), path)
  return jsonObject(value, path, depth)
}

function foreign(value: object): string {
  return value instanceof Date
    ? 'is a Date (its toISOString() is text, which ranges can filter)'
    : 'is an instance of a class'
}

function jsonArray(value: unknown[], path: string, depth: number): unknown[] {
  let copy: unknown[] | undefined
  for (let i = 0; i < value.length; i++) {
    const item = jsonValue(value[i], path, depth + 1)
    if (item !== value[i] && copy === undefined) copy = value.slice()
    if (copy !== undefined) copy[i] = item
  }
  return copy ?? value
}

function jsonObject(value: Record<string, unknown>, path: string, depth: number): object {
  let copy: Record<string, unknown> | undefined
  const keys = Object.keys(value)
  for (const [index, key] of keys.entries()) {
    const at = path === '' ? key : `${path}.${key}`
    if (key === '__proto__') throw invalid('is named __proto__', at)
    const item = value[key]
    const json = item === undefined ? undefined : jsonValue(item, at, depth + 1)
    if (json === undefined || json !== item) {
      copy ??= Object.fromEntries(keys.slice(0, index).map((each) => [each, value[each]]))
    }
    if (copy !== undefined && json !== undefined) copy[key] = json
  }
  return copy ?? value
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function deepFreeze<T extends object>(value: T): T {
  for (const item of Object.values(value)) {
    if (typeof item === 'object' && item !== null) deepFreeze(item)
  }
  return Object.freeze(value)
}

function invalid(what: string, path: string): AnnulusError {
  const subject = path === '' ? 'a payload' : `payload field ${path}`
  return new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `${subject} ${what}; payloads hold JSON values only (null, boolean, finite number, string, array, plain object)`,
    { details: { path } },
  )
}
