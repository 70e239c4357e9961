// Points as users give and get them; the checks before an upsert.
import { AnnulusError, type Metric } from '@annulus/native'
import { valuesIn } from './filter.js'
import { checkId, type PointId } from './ids.js'
import { limits } from './limits.js'
import { checkNames } from './options.js'
import { encodePayload } from './payloads.js'
import { encodeRecord, recordBytes } from './records.js'
import { VectorMemory } from './vector-memory.js'
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
  /** Lets the memory of `vectors` be used again: called once they are committed and nobody reads them any more. */
  readonly giveBack?: () => void
  /** For points that only move: the slots they are in. Those that are not there any more stay as they are. */
  readonly from?: readonly number[]
}

export interface PointRules {
  readonly dimension: number
  readonly metric: Metric
  readonly indexedFields: readonly string[]
}

/** Points that are checked or encoded before others get their turn on the event loop. */
export const slicePoints = 250

/** How many points of this dimension one group may hold. */
export function groupPoints(dimension: number): number {
  return Math.max(
    1,
    Math.min(limits.groupPointsMax, Math.floor(limits.groupBytesMax / (dimension * 4))),
  )
}

/**
 * Checks all points of a call before any is written, some at a time so that the event loop stays free.
 */
export async function checkPoints(points: readonly unknown[], rules: PointRules): Promise<void> {
  const seen = new Set<PointId>()
  for (let first = 0; first < points.length; first += slicePoints) {
    if (first > 0) await turn()
    const end = Math.min(first + slicePoints, points.length)
    for (let index = first; index < end; index++) {
      const { id, payload } = checkPoint(points, index, rules)
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

/** Copies and encodes points, vectors into `memory`; checks them once more, for their owner may have changed them meanwhile. */
export async function encodeGroup(
  points: readonly unknown[],
  rules: PointRules,
  memory = new VectorMemory(),
): Promise<PointGroup> {
  const { vectors, giveBack } = memory.lend(points.length * rules.dimension)
  const ids: PointId[] = []
  const encoded: (Uint8Array | undefined)[] = []
  const payloads: (object | undefined)[] = []
  for (let index = 0; index < points.length; index++) {
    if (index % slicePoints === slicePoints - 1) await turn()
    const { id, vector, payload } = checkPoint(points, index, rules)
    vectors.set(vector, index * rules.dimension)
    ids.push(id)
    encoded.push(payload === undefined ? undefined : encodePayload(payload))
    payloads.push(indexedPart(payload, rules.indexedFields))
  }
  const twice = ids.length === new Set(ids).size ? undefined : firstRepeated(ids)
  if (twice !== undefined) throw repeated(twice)
  return { ids, records: encodeRecords(ids, encoded), payloads, vectors, giveBack }
}

/** All records in one piece of memory, which LMDB then has to be told of only once. */
function encodeRecords(ids: readonly PointId[], encoded: (Uint8Array | undefined)[]): Buffer[] {
  const sizes = ids.map((id, index) => recordBytes(id, encoded[index]))
  const memory = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, 0))
  let end = 0
  return ids.map((id, index) => {
    const start = end
    end += sizes[index] ?? 0
    const record = memory.subarray(start, end)
    encodeRecord(id, encoded[index], record)
    return record
  })
}

function checkPoint(points: readonly unknown[], index: number, rules: PointRules) {
  const point = points[index]
  const where = `point ${index}`
  checkNames(point, pointNames, where)
  if (typeof point !== 'object' || point === null || !('id' in point) || !('vector' in point)) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${where} needs an id and a vector`, {
      details: { index },
    })
  }
  const { id, vector } = point
  checkId(id)
  checkVector(vector, rules.dimension, rules.metric, () => `the vector of ${JSON.stringify(id)}`)
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
export function indexedPart(payload: unknown, fields: readonly string[]): object | undefined {
  if (typeof payload !== 'object' || payload === null || fields.length === 0) return undefined
  return Object.fromEntries(fields.map((field) => [field, valuesIn(payload, field)]))
}
