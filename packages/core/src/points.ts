// Points as users give and get them; the checks before an upsert.
import { AnnulusError, type Metric } from '@annulus/native'
import { valuesIn } from './filter.js'
import { checkId, type PointId } from './ids.js'
import { limits } from './limits.js'
import { checkNames } from './options.js'
import { encodePayload } from './payloads.js'
import { encodeRecord } from './records.js'
import { checkVector, type VectorInput } from './vectors.js'

const pointNames = ['id', 'vector', 'payload']

/** A point to write. */
export interface PointInput<Payload extends object = Record<string, unknown>> {
  readonly id: PointId
  readonly vector: VectorInput
  /** JSON values; properties that are undefined are left out. */
  readonly payload?: Payload | undefined
}

/** A point as stored. The payload is frozen. */
export interface Point<Payload extends object = Record<string, unknown>> {
  readonly id: PointId
  readonly vector?: Float32Array
  readonly payload?: Readonly<Payload>
}

/** Points that become visible together, checked and encoded. */
export interface PointGroup {
  readonly ids: readonly PointId[]
  readonly records: readonly Buffer[]
  /** Payloads, only where the collection has a payload index. */
  readonly payloads: readonly (object | undefined)[]
  readonly vectors: Float32Array
}

export interface PointRules {
  readonly dimension: number
  readonly metric: Metric
  readonly indexedFields: readonly string[]
}

/** How many points of this dimension one group may hold. */
export function groupPoints(dimension: number): number {
  return Math.max(
    1,
    Math.min(limits.groupPointsMax, Math.floor(limits.groupBytesMax / (dimension * 4))),
  )
}

/**
 * Checks all points of a call before any is written, a group's worth at a time so that the event loop
 * stays free.
 */
export async function checkPoints(points: readonly unknown[], rules: PointRules): Promise<void> {
  const seen = new Set<PointId>()
  const step = groupPoints(rules.dimension)
  for (let first = 0; first < points.length; first += step) {
    if (first > 0) await turn()
    for (const point of points.slice(first, first + step)) {
      const { id, payload } = checkPoint(point, rules)
      if (payload !== undefined) encodePayload(payload)
      if (seen.has(id)) throw repeated(id)
      seen.add(id)
    }
  }
}

/** Lets everything else that waits for the event loop have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Copies and encodes points; checks them once more, for their owner may have changed them meanwhile. */
export function encodeGroup(points: readonly unknown[], rules: PointRules): PointGroup {
  const vectors = new Float32Array(points.length * rules.dimension)
  const ids: PointId[] = []
  const records: Buffer[] = []
  const payloads: (object | undefined)[] = []
  for (const [index, input] of points.entries()) {
    const { id, vector, payload } = checkPoint(input, rules)
    vectors.set(vector, index * rules.dimension)
    ids.push(id)
    records.push(encodeRecord(id, payload === undefined ? undefined : encodePayload(payload)))
    payloads.push(indexedPart(payload, rules.indexedFields))
  }
  const twice = ids.length === new Set(ids).size ? undefined : firstRepeated(ids)
  if (twice !== undefined) throw repeated(twice)
  return { ids, records, payloads, vectors }
}

function checkPoint(point: unknown, rules: PointRules) {
  checkNames(point, pointNames, 'point')
  if (typeof point !== 'object' || point === null || !('id' in point) || !('vector' in point)) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', 'a point needs an id and a vector')
  }
  const { id, vector } = point
  checkId(id)
  checkVector(vector, rules.dimension, rules.metric, `the vector of ${JSON.stringify(id)}`)
  return { id, vector, payload: 'payload' in point ? point.payload : undefined }
}

function firstRepeated(ids: readonly PointId[]): PointId | undefined {
  return ids.find((id, index) => ids.indexOf(id) !== index)
}

function repeated(id: PointId): AnnulusError {
  return new AnnulusError(
    'ANNULUS_DUPLICATE_ID',
    `id ${JSON.stringify(id)} occurs twice in one call`,
    {
      details: { id },
    },
  )
}

/** What the payload index needs of a payload, copied. */
function indexedPart(payload: unknown, fields: readonly string[]): object | undefined {
  if (typeof payload !== 'object' || payload === null || fields.length === 0) return undefined
  return Object.fromEntries(fields.map((field) => [field, valuesIn(payload, field)]))
}
