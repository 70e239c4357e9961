// Vectors as users give them, checked and copied into float32.
import { AnnulusError, type Metric } from '@annulus/native'
import { shown } from './options.js'

/** What a user may pass as a vector. */
export type VectorInput = Float32Array | readonly number[]

/**
 * Checks a vector without copying it.
 *
 * @param what how messages call it, for example `() => 'the query'`
 * @throws AnnulusError `ANNULUS_DIMENSION`, `ANNULUS_INVALID_VECTOR` or `ANNULUS_ZERO_VECTOR`.
 */
export function checkVector(
  vector: unknown,
  dimension: number,
  metric: Metric,
  what: () => string,
): asserts vector is VectorInput {
  if (!(vector instanceof Float32Array) && !Array.isArray(vector)) {
    throw new AnnulusError(
      'ANNULUS_INVALID_VECTOR',
      `${what()} must be a Float32Array or an array of numbers, not ${kindOf(vector)}`,
    )
  }
  if (vector.length !== dimension) {
    throw new AnnulusError(
      'ANNULUS_DIMENSION',
      `${what()} has ${vector.length} components, the collection has ${dimension}`,
      { details: { dimension, actual: vector.length } },
    )
  }
  const bad = firstNonFinite(vector)
  if (bad >= 0) {
    throw new AnnulusError(
      'ANNULUS_INVALID_VECTOR',
      `component ${bad} of ${what()} is ${String(vector[bad])}, not a finite float32`,
      { details: { component: bad } },
    )
  }
  if (metric === 'cosine' && vector.every((component: number) => Math.fround(component) === 0)) {
    throw new AnnulusError(
      'ANNULUS_ZERO_VECTOR',
      `${what()} is zero and has no direction, so cosine cannot compare it`,
    )
  }
}

function kindOf(value: unknown): string {
  return ArrayBuffer.isView(value) ? value.constructor.name : shown(value)
}

function firstNonFinite(vector: Float32Array | readonly unknown[]): number {
  if (vector instanceof Float32Array) {
    // Zero times anything but a finite number is NaN, and NaN stays in a sum. Four sums, for an addition waits
    // for the one before it.
    const { length } = vector
    const fours = length - (length % 4)
    let [a, b, c, d] = [0, 0, 0, 0]
    for (let i = 0; i < fours; i += 4) {
      a += (vector[i] ?? 0) * 0
      b += (vector[i + 1] ?? 0) * 0
      c += (vector[i + 2] ?? 0) * 0
      d += (vector[i + 3] ?? 0) * 0
    }
    for (let i = fours; i < length; i++) a += (vector[i] ?? 0) * 0
    return a + b + c + d === 0 ? -1 : vector.findIndex((component) => !Number.isFinite(component))
  }
  for (let i = 0; i < vector.length; i++) {
    const component = vector[i]
    if (typeof component !== 'number' || !Number.isFinite(Math.fround(component))) return i
  }
  return -1
}

/** A checked float32 copy, which later changes of the original cannot reach. */
export function copyVector(
  vector: unknown,
  dimension: number,
  metric: Metric,
  what: () => string,
): Float32Array {
  checkVector(vector, dimension, metric, what)
  return vector instanceof Float32Array ? vector.slice() : Float32Array.from(vector)
}

/** Checked copies of several queries. */
export function copyQueries(queries: unknown, dimension: number, metric: Metric): Float32Array[] {
  if (!Array.isArray(queries)) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'queries must be an array of vectors', {
      details: { argument: 'queries' },
    })
  }
  return queries.map((query, index) => copyVector(query, dimension, metric, () => `query ${index}`))
}
