// The points and filters that the model test makes up, and what a filter means.
import fc from 'fast-check'
import type { FieldCondition, FieldRange, Filter } from '../src/index.js'

export const dimension = 6

export interface Payload {
  color?: string
  tags?: string[]
  rank?: number
}

const component = fc.integer({ min: -50, max: 50 }).map((value) => value / 8)
export const vector = fc
  .array(component, { minLength: dimension, maxLength: dimension })
  .filter((each) => each.some((value) => value !== 0))
export const id = fc.oneof(
  fc.integer({ min: 0, max: 90 }),
  fc.integer({ min: 0, max: 30 }).map(String),
)
const color = fc.constantFrom('red', 'green', 'blue', 'Ω'.repeat(100))
const payload: fc.Arbitrary<Payload> = fc.record(
  {
    color,
    tags: fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
    rank: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [] },
)
export const point = fc.record({ id, vector, payload: fc.option(payload, { nil: undefined }) })
const range = (bound: fc.Arbitrary<string | number>): fc.Arbitrary<FieldRange> =>
  fc
    .record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] })
    .filter((bounds) => Object.keys(bounds).length > 0)

const filter: fc.Arbitrary<Filter<Payload>> = fc.oneof(
  fc.record({
    color: fc.oneof(
      color,
      fc.array(color, { maxLength: 2 }).map((list) => ({ in: list })),
    ),
  }),
  fc.record({ rank: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ rank: range(fc.integer({ min: -1, max: 4 })) }),
  fc.record({ color: range(color), rank: range(fc.oneof(fc.constant(1.5), color)) }),
  fc.record({ tags: fc.constantFrom('a', 'b', 'x'), rank: fc.integer({ min: 0, max: 3 }) }),
)
export const anyFilter = fc.option(filter, { nil: undefined, freq: 3 })

/** Whether a payload passes a filter. */
export function fulfils(
  payload: Payload | undefined,
  filter: Filter<Payload> | undefined,
): boolean {
  return Object.entries(filter ?? {}).every(([field, condition]) => {
    const value: unknown = payload === undefined ? undefined : Reflect.get(payload, field)
    const values: unknown[] = Array.isArray(value) ? value : [value]
    return values.some((each) => each !== undefined && passes(each, condition))
  })
}

function passes(value: unknown, condition: FieldCondition): boolean {
  if (condition === null || typeof condition !== 'object') return value === condition
  if ('in' in condition) return condition.in.some((each) => value === each)
  const { gt, gte, lt, lte } = condition
  const above = (low: unknown, high: unknown) =>
    (typeof low === 'number' && typeof high === 'number' && high > low) ||
    (typeof low === 'string' && typeof high === 'string' && high > low)
  return (
    (gt === undefined || above(gt, value)) &&
    (gte === undefined || value === gte || above(gte, value)) &&
    (lt === undefined || above(value, lt)) &&
    (lte === undefined || value === lte || above(value, lte))
  )
}
