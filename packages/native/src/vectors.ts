import { withAbort } from './abort.js'
import { AnnulusError } from './errors.js'
import { type Metric, metricNumber } from './metric.js'
import { native } from './native.js'
import { checkOptions } from './options.js'
import { type Pool, sharedPool } from './pool.js'

/** Up to this many bytes are checksummed on the calling thread: some 50 µs, less than a hop costs. */
const checksumNowBytesMax = 1024 * 1024

/**
 * CRC-32C (Castagnoli, RFC 3720) of the bytes, on the calling thread (20 to 50 µs a MiB).
 *
 * @param seed 0, or the checksum of what precedes `bytes`.
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return native.crc32c(bytes, seed)
}

/**
 * Checksums as they are stored beside vectors: CRC-32C of each vector's bytes, seeded with its slot
 * number, so that a vector in the wrong slot is noticed too.
 *
 * Up to 1 MiB is computed at once, more on worker threads; the arrays must stay as they are until then.
 *
 * @param vectors n × dimension floats.
 * @param slots n slots, in any order.
 * @returns n checksums.
 * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_ARGUMENT`.
 */
export async function checksumVectors(
  vectors: Float32Array,
  dimension: number,
  slots: Uint32Array,
): Promise<Uint32Array> {
  if (vectors.byteLength <= checksumNowBytesMax) {
    return native.checksumVectorsNow(vectors, dimension, slots)
  }
  return native.checksumVectors(sharedPool().handle, vectors, dimension, slots)
}

/** Options of {@link distances}. */
export interface DistanceOptions {
  /** Aborts the computation; it then rejects with AbortError. */
  readonly signal?: AbortSignal | undefined
  /** Where to compute; default: a pool shared by this thread's callers. */
  readonly pool?: Pool | undefined
}

/**
 * Exact ranking distances (see {@link Metric}) from one query to n vectors, off the event loop. The
 * same bits as every storage backend gives on this machine. `query` is copied; `vectors` must stay as it
 * is until the promise has settled.
 *
 * @param vectors n × query.length floats.
 * @returns n distances.
 * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`;
 *   AbortError.
 */
export async function distances(
  query: Float32Array,
  vectors: Float32Array,
  metric: Metric,
  options: DistanceOptions = {},
): Promise<Float32Array> {
  checkOptions('distances', options, ['signal', 'pool'])
  const number = metricNumber(metric)
  const { handle } = options.pool ?? sharedPool()
  return withAbort(options.signal, (flag) => native.distances(handle, query, vectors, number, flag))
}

/** What {@link validateVectors} found. */
export interface VectorFault {
  readonly kind: 'nan' | 'infinity' | 'zero'
  /** Which vector, from 0. */
  readonly index: number
  /** Which component of it; 0 for a zero vector. */
  readonly component: number
}

/** Options of {@link validateVectors}. */
export interface ValidateOptions {
  /** Accepts vectors of zeros only; default false, because cosine gives them no direction. */
  readonly allowZero?: boolean | undefined
}

const faultKinds = [undefined, 'nan', 'infinity', 'zero'] as const

/**
 * Finds the first vector that holds NaN or an infinity or is zero throughout, on the calling thread
 * (about 50 µs a MiB).
 *
 * @param vectors n × dimension floats.
 * @returns undefined when all are fine.
 * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_UNKNOWN_OPTION`.
 */
export function validateVectors(
  vectors: Float32Array,
  dimension: number,
  options: ValidateOptions = {},
): VectorFault | undefined {
  checkOptions('validateVectors', options, ['allowZero'])
  const found = native.findFaultyVector(vectors, dimension, options.allowZero ?? false)
  if (found === undefined) return undefined
  const [number, index, component] = found
  const kind = faultKinds[number]
  if (kind === undefined) throw new AnnulusError('ANNULUS_INTERNAL', `unknown fault ${number}`)
  return { kind, index, component }
}
