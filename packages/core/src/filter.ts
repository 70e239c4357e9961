// Filters: equality on payload fields, all of which must hold.
import { AnnulusError } from '@annulus/native'
import { limits } from './limits.js'

/** A payload value that can be compared for equality. */
export type FilterValue = string | number | boolean | null

/** One value, or any of several. */
export type FieldCondition = FilterValue | { readonly in: readonly FilterValue[] }

/**
 * Points whose payload has these values, field by field. A field that holds an array matches when one
 * of its elements does; a missing field matches nothing, not even null.
 */
export type Filter<Payload = Record<string, unknown>> = {
  readonly [Field in keyof Payload & string]?: FieldCondition
}

export interface Condition {
  readonly field: string
  readonly values: ReadonlySet<FilterValue>
}

export interface ParsedFilter {
  /** The same for filters that mean the same. */
  readonly key: string
  readonly conditions: readonly Condition[]
}

/** @throws AnnulusError `ANNULUS_INVALID_ARGUMENT` or `ANNULUS_LIMIT`. */
export function parseFilter(filter: unknown): ParsedFilter {
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) {
    throw invalid('a filter must be an object of fields and values', '')
  }
  const entries = Object.entries(filter).filter(([, condition]) => condition !== undefined)
  const conditions = entries
    .map(([field, condition]) => ({ field, values: new Set(valuesOf(field, condition)) }))
    .sort((a, b) => (a.field < b.field ? -1 : 1))
  const values = conditions.reduce((count, condition) => count + condition.values.size, 0)
  if (values > limits.filterValuesMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a filter may have at most ${limits.filterValuesMax} values`,
      {
        details: { limit: limits.filterValuesMax, actual: values },
      },
    )
  }
  return { key: JSON.stringify(conditions.map(canonical)), conditions }
}

/** Whether a payload fulfils every condition. */
export function matches(conditions: readonly Condition[], payload: object | undefined): boolean {
  return conditions.every(({ field, values }) =>
    valuesIn(payload, field).some((value) => values.has(value)),
  )
}

/** The values of a payload field that equality can find: its own, or those of its elements. */
export function valuesIn(payload: object | undefined, field: string): FilterValue[] {
  if (payload === undefined || !Object.hasOwn(payload, field)) return []
  const value: unknown = Reflect.get(payload, field)
  if (Array.isArray(value)) return value.filter(isFilterValue)
  return isFilterValue(value) ? [value] : []
}

function valuesOf(field: string, condition: unknown): FilterValue[] {
  if (field.length > limits.fieldLengthMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a field name may have at most ${limits.fieldLengthMax} characters`,
    )
  }
  if (isFilterValue(condition)) return [checked(field, condition)]
  if (typeof condition === 'object' && condition !== null && !Array.isArray(condition)) {
    const unknown = Object.keys(condition).find((key) => key !== 'in')
    if (unknown !== undefined) {
      throw new AnnulusError(
        'ANNULUS_UNKNOWN_OPTION',
        `filter field ${field} has an unknown condition "${unknown}"; use a value or { in: [...] }`,
        {
          details: { field, option: unknown },
        },
      )
    }
    if ('in' in condition && Array.isArray(condition.in) && condition.in.every(isFilterValue)) {
      return condition.in.map((value) => checked(field, value))
    }
  }
  throw invalid(
    `filter field ${field} needs a string, number, boolean or null, or { in: [...] } of them`,
    field,
  )
}

function isFilterValue(value: unknown): value is FilterValue {
  return (
    value === null ||
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'boolean'
  )
}

function checked(field: string, value: FilterValue): FilterValue {
  // Half surrogate pairs become U+FFFD in a stored payload, so they do here.
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('utf8')
  if (typeof value !== 'number' || Number.isFinite(value)) return value
  throw invalid(`filter field ${field} has the value ${value}, which no payload holds`, field)
}

function canonical({ field, values }: Condition): unknown[] {
  return [field, ...Array.from(values, (value) => JSON.stringify(value)).sort()]
}

function invalid(message: string, field: string): AnnulusError {
  return new AnnulusError('ANNULUS_INVALID_ARGUMENT', message, { details: { field } })
}
