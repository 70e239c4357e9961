// Checks of what callers pass, made before anything changes.
import { AnnulusError } from '@annulus/native'

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

export function checkWords(what: string, value: unknown): asserts value is Uint32Array {
  if (value instanceof Uint32Array) return
  throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${what} must be a Uint32Array`, {
    details: { argument: what },
  })
}

export function checkPath(value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return
  throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'path must be the name of a file', {
    details: { argument: 'path', value },
  })
}

/** The dimension is checked where it is known. */
export function checkQuery(query: unknown): asserts query is Float32Array {
  if (!(query instanceof Float32Array)) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'query must be a Float32Array', {
      details: { argument: 'query' },
    })
  }
  for (let i = 0; i < query.length; i++) {
    const value = query[i] as number
    if (value - value === 0) continue
    throw new AnnulusError('ANNULUS_INVALID_VECTOR', `query: component ${i} is ${value}`, {
      details: { argument: 'query', component: i },
    })
  }
}
