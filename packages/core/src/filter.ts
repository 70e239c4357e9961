// Filters: equality and ranges on payload fields, all of which must hold.
import { createHash } from 'node:crypto'
import { AnnulusError } from '@annulus/native'
import { limits } from './limits.js'

const keyLengthMax = 128

/** A payload value that can be compared for equality. */
export type FilterValue = string | number | boolean | null

/**
 * Values between bounds, at least one of them: numbers among numbers, strings among strings, the latter by UTF-16 code
 * units, so that ISO dates are in order. A bound of one type passes no value of another.
 */
export interface FieldRange {
  readonly gt?: number | string
  readonly gte?: number | string
  readonly lt?: number | string
  readonly lte?: number | string
}

/** One value, any of several, or any within a range. */
export type FieldCondition = FilterValue | { readonly in: readonly FilterValue[] } | FieldRange

/**
 * Points whose payload has these values, field by field. A field that holds an array matches when one
 * of its elements does; a missing field matches nothing, not even null.
 */
export type Filter<Payload = Record<string, unknown>> = {
  readonly [Field in keyof Payload & string]?: FieldCondition
}

export interface Condition {
  readonly field: string
  /** The values looked for, which an index can find; none for a range. */
  readonly values: ReadonlySet<FilterValue> | undefined
  readonly accepts: (value: FilterValue) => boolean
  /** The same for conditions that mean the same. */
  readonly key: string
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
    .map(([field, condition]) => parseCondition(field, condition))
    .sort((a, b) => (a.field < b.field ? -1 : 1))
  const values = conditions.reduce((count, condition) => count + (condition.values?.size ?? 0), 0)
  if (values > limits.filterValuesMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a filter may have at most ${limits.filterValuesMax} values`,
      {
        details: { limit: limits.filterValuesMax, actual: values },
      },
    )
  }
  return { key: JSON.stringify(conditions.map(({ key }) => key)), conditions }
}

/** Whether a payload fulfils every condition. */
export function matches(conditions: readonly Condition[], payload: object | undefined): boolean {
  return conditions.every(({ field, accepts }) => valuesIn(payload, field).some(accepts))
}

/** The values of a payload field that equality can find: its own, or those of its elements. */
export function valuesIn(payload: object | undefined, field: string): FilterValue[] {
  if (payload === undefined || !Object.hasOwn(payload, field)) return []
  const value: unknown = Reflect.get(payload, field)
  if (Array.isArray(value)) return value.filter(isFilterValue)
  return isFilterValue(value) ? [value] : []
}

function parseCondition(field: string, condition: unknown): Condition {
  if (field.length > limits.fieldLengthMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a field name may have at most ${limits.fieldLengthMax} characters`,
    )
  }
  if (isFilterValue(condition)) return equality(field, [condition])
  if (typeof condition === 'object' && condition !== null && !Array.isArray(condition)) {
    const names = Object.keys(condition)
    const unknown = names.find((name) => name !== 'in' && !isBound(name))
    if (unknown !== undefined) {
      throw new AnnulusError(
        'ANNULUS_UNKNOWN_OPTION',
        `filter field ${field} has an unknown condition "${unknown}"; use a value, { in: [...] } or a range of gt, gte, lt, lte`,
        { details: { field, option: unknown } },
      )
    }
    if (!('in' in condition)) return range(field, condition)
    if (names.length === 1 && Array.isArray(condition.in) && condition.in.every(isFilterValue)) {
      return anyOf(field, condition.in)
    }
  }
  throw invalid(
    `filter field ${field} needs a string, number, boolean or null, { in: [...] } of them, or a range such as { gte: 1 }`,
    field,
  )
}

/** Lists parsed before, by the array itself, with what it held: it may have been changed since. */
const parsedLists = new WeakMap<
  readonly FilterValue[],
  { readonly held: readonly FilterValue[]; readonly condition: Condition }
>()

/** One of a list, which is often the same as in the last search: parsing hundreds of values costs more than comparing them. */
function anyOf(field: string, given: readonly FilterValue[]): Condition {
  const known = parsedLists.get(given)
  if (
    known?.condition.field === field &&
    known.held.length === given.length &&
    known.held.every((value, index) => value === given[index])
  ) {
    return known.condition
  }
  const condition = equality(field, given)
  parsedLists.set(given, { held: [...given], condition })
  return condition
}

function equality(field: string, given: readonly FilterValue[]): Condition {
  const values = new Set(given.map((value) => checked(field, value)))
  return {
    field,
    values,
    accepts: (value) => values.has(value),
    key: short(JSON.stringify([field, ...sortedTexts([...values])])),
  }
}

/** The same for the same values in any order. */
function sortedTexts(values: readonly FilterValue[]): string[] {
  // Texts take many times longer to make and to sort.
  const numbers = values.filter((value) => typeof value === 'number')
  if (numbers.length === values.length) return [Float64Array.from(numbers).sort().join()]
  return values.map((value) => JSON.stringify(value)).sort()
}

/** A long key is stood for by its SHA-256. */
function short(key: string): string {
  return key.length <= keyLengthMax ? key : createHash('sha256').update(key).digest('base64')
}

const bounds = {
  gt: (value: FilterValue, bound: FilterValue) => ordered(bound, value) && value !== bound,
  gte: (value: FilterValue, bound: FilterValue) => ordered(bound, value),
  lt: (value: FilterValue, bound: FilterValue) => ordered(value, bound) && value !== bound,
  lte: (value: FilterValue, bound: FilterValue) => ordered(value, bound),
}

function isBound(name: string): name is keyof typeof bounds {
  return Object.hasOwn(bounds, name)
}

/** Whether both are of the same type and the first is not above the second. */
function ordered(low: FilterValue, high: FilterValue): boolean {
  if (typeof low === 'number') return typeof high === 'number' && low <= high
  return typeof low === 'string' && typeof high === 'string' && low <= high
}

function range(field: string, given: object): Condition {
  const limiting = Object.entries(given).flatMap(([name, bound]: [string, unknown]) => {
    if (!isBound(name) || bound === undefined) return []
    if (typeof bound !== 'number' && typeof bound !== 'string') {
      throw invalid(`filter field ${field} needs a number or a string for ${name}`, field)
    }
    return [{ name, bound: checked(field, bound) }]
  })
  if (limiting.length === 0) {
    throw invalid(`filter field ${field} has a range without gt, gte, lt or lte`, field)
  }
  limiting.sort((a, b) => (a.name < b.name ? -1 : 1))
  return {
    field,
    values: undefined,
    accepts: (value) => limiting.every(({ name, bound }) => bounds[name](value, bound)),
    key: JSON.stringify([field, limiting]),
  }
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

function invalid(message: string, field: string): AnnulusError {
  return new AnnulusError('ANNULUS_INVALID_ARGUMENT', message, { details: { field } })
}
