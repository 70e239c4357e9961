// Point ids: strings or safe integers, where 1 and "1" are two points.
import { AnnulusError } from '@annulus/native'
import { limits } from './limits.js'
import { shown } from './options.js'

/** What names a point within its collection: a non-empty string or a safe integer. 1 and "1" differ. */
export type PointId = string | number

const numberTag = 0
const stringTag = 1
const loneSurrogate = /\p{Surrogate}/u

/**
 * @throws AnnulusError `ANNULUS_INVALID_ID` unless `id` is a safe integer or a non-empty, well-formed
 * string; `ANNULUS_LIMIT` if the string is longer than 512 bytes.
 */
export function checkId(id: unknown): asserts id is PointId {
  if (typeof id === 'number') {
    if (Number.isSafeInteger(id)) return
    throw invalid(`a numeric id must be a safe integer, not ${id}`, id)
  }
  if (typeof id !== 'string')
    throw invalid(
      typeof id === 'bigint'
        ? `an id must be a string or a safe integer, not the bigint ${id}: String(id) makes it one`
        : `an id must be a string or a safe integer, not ${shown(id)}`,
      id,
    )
  if (id.length === 0) throw invalid('an id must not be the empty string', id)
  if (id.length * 3 > limits.idBytesMax && Buffer.byteLength(id) > limits.idBytesMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `an id may have at most ${limits.idBytesMax} bytes of UTF-8`,
      {
        details: { limit: limits.idBytesMax, actual: Buffer.byteLength(id) },
      },
    )
  }
  if (loneSurrogate.test(id)) throw invalid('an id must not contain half a surrogate pair', id)
}

/** One id or several, checked, as an array. */
export function checkIds(ids: unknown): PointId[] {
  const all: unknown[] = Array.isArray(ids) ? ids : [ids]
  return all.map((id) => {
    checkId(id)
    return id
  })
}

/** The key of an id in the `ids` database: collection, kind, value; numbers and strings never meet. */
export function idKey(collection: number, id: PointId): Buffer {
  if (typeof id === 'number') {
    const key = Buffer.allocUnsafe(13)
    key.writeUInt32BE(collection, 0)
    key[4] = numberTag
    key.writeDoubleBE(id === 0 ? 0 : id, 5)
    return key
  }
  const key = Buffer.allocUnsafe(5 + Buffer.byteLength(id))
  key.writeUInt32BE(collection, 0)
  key[4] = stringTag
  key.write(id, 5, 'utf8')
  return key
}

/** The id that a key of the `ids` database stands for. */
export function idOfKey(key: Buffer): PointId {
  if (key[4] === numberTag && key.length === 13) return key.readDoubleBE(5)
  return key.toString('utf8', 5)
}

function invalid(message: string, id: unknown): AnnulusError {
  return new AnnulusError('ANNULUS_INVALID_ID', message, {
    // Details go into logs, and JSON has no bigint.
    details: { id: typeof id === 'bigint' ? String(id) : id },
  })
}
