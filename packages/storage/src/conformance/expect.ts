// Assertions of the suite, on node:assert so that no test runner is needed.
import { deepEqual, equal, fail, ok } from 'node:assert/strict'
import { AbortError, AnnulusError, type ErrorCode, type Metric } from '@annulus/native'
import { referenceDistance, vectorAt } from './vectors.js'

/** The call must return a promise (never throw) that rejects with an AnnulusError of this code. */
export async function rejectsWith(
  code: ErrorCode | readonly ErrorCode[],
  call: () => Promise<unknown>,
  what = 'the call',
): Promise<AnnulusError> {
  const codes: readonly ErrorCode[] = typeof code === 'string' ? [code] : code
  let pending: Promise<unknown>
  try {
    pending = call()
  } catch (error) {
    fail(`${what} threw instead of rejecting: ${String(error)}`)
  }
  try {
    await pending
  } catch (error) {
    ok(error instanceof AnnulusError, `${what} rejected with ${String(error)}, not an AnnulusError`)
    ok(codes.includes(error.code), `${what} rejected with ${error.code}, not ${codes.join(' or ')}`)
    return error
  }
  fail(`${what} succeeded instead of rejecting with ${codes.join(' or ')}`)
}

/** As `rejectsWith`, for a call whose signal was aborted with this reason. */
export async function rejectsAborted(call: () => Promise<unknown>, reason: unknown): Promise<void> {
  const error = await rejectsWith('ANNULUS_ABORTED', call)
  ok(error instanceof AbortError, 'an abort must be an AbortError')
  equal(error.name, 'AbortError')
  equal(error.cause, reason, 'the cause of an AbortError is the reason of the signal')
}

/** Equal floats, compared by their bits. */
export function sameFloats(actual: Float32Array, expected: Float32Array, what: string): void {
  ok(actual instanceof Float32Array, `${what}: not a Float32Array`)
  equal(actual.length, expected.length, `${what}: number of floats`)
  const bits = (floats: Float32Array) =>
    new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  const [a, b] = [bits(actual), bits(expected)]
  const at = a.findIndex((value, i) => value !== b[i])
  if (at >= 0) fail(`${what}: float ${at} is ${actual[at]}, not ${expected[at]}`)
}

/** Distances within 1e-4 of float64, relative to their size (a tenth of both norms for products). */
export function nearReference(
  actual: Float32Array,
  metric: Metric,
  query: Float32Array,
  vectors: Float32Array,
): void {
  equal(actual.length * query.length, vectors.length, `${metric}: number of distances`)
  actual.forEach((distance, i) => {
    const expected = referenceDistance(metric, query, vectorAt(vectors, i, query.length))
    const tolerance = 1e-4 * Math.max(Math.abs(expected.distance), 0.1 * expected.scale)
    ok(
      Math.abs(distance - expected.distance) <= tolerance,
      `${metric} distance ${i} is ${distance}, not ${expected.distance}`,
    )
  })
}

export { deepEqual, equal, fail, ok }
