// What a commit will do, worked out before anything is written.
import { AnnulusError } from '@annulus/native'
import type { CollectionStore } from './collection-store.js'
import type { FieldIndex, SlotsByKey } from './field-index.js'
import type { PointId } from './ids.js'
import { limits } from './limits.js'
import { lostRecord, type PayloadReader } from './payload-reader.js'
import { decodePayload } from './payloads.js'
import type { PointGroup } from './points.js'
import type { Readers } from './readers.js'
import { decodeRecord } from './records.js'
import { type SlotGrant, slotAt } from './slot-grant.js'
import type { SlotTable } from './slot-table.js'
import type { Warmth } from './warmth.js'

/** How many points were new, were replaced, and were removed. */
export interface WriteCounts {
  readonly inserted: number
  readonly replaced: number
  readonly removed: number
}

export function addCounts(
  total: { inserted: number; replaced: number; removed: number },
  counts: WriteCounts,
): void {
  total.inserted += counts.inserted
  total.replaced += counts.replaced
  total.removed += counts.removed
}

/** One group to upsert, or ids to delete. */
export type WriteInput = { readonly group: PointGroup } | { readonly remove: readonly PointId[] }

/** The grant's slots go to the inputs' points in their order. */
export interface WritePlan {
  readonly grant: SlotGrant
  /** Slot of each id written here; undefined where the commit leaves it without one. */
  readonly slots: Map<PointId, number | undefined>
  readonly added: Map<number, { id: PointId; record: Buffer }>
  /** Slots that were live before and are dead afterwards. */
  readonly removed: number[]
  readonly counts: WriteCounts[]
  /** What the added payloads put into the payload index, and what those removed leave there. */
  readonly indexed: SlotsByKey
  readonly unindexed: SlotsByKey
}

/** What a commit has done. */
export interface Committed {
  /** Fresh slots begin here. */
  readonly from: number
  /** One past the last slot. */
  readonly end: number
  /** Slots that had other points before. */
  readonly reused: readonly number[]
  readonly removed: readonly number[]
}

export interface PlanParts {
  readonly store: CollectionStore
  readonly table: SlotTable
  readonly fields: FieldIndex
  readonly readers: Readers
  readonly payloads: PayloadReader
}

/** Reads what planning looks up, off the event loop: ids, and what is replaced if it is in the payload index. */
export async function prefetch(
  inputs: readonly WriteInput[],
  { store, fields, warmth }: Pick<PlanParts, 'store' | 'fields'> & { readonly warmth: Warmth },
): Promise<void> {
  if (warmth.warm) return
  const ids = inputs.flatMap((input) => ('group' in input ? input.group.ids : input.remove))
  await store.prefetchIds(ids)
  if (fields.fields.length === 0) return
  const slots = ids.map((id) => store.slotOf(id)).filter((slot) => slot !== undefined)
  await store.prefetchRecords(slots)
}

/**
 * Which slots the inputs take and give up, in their order. Reads LMDB, changes nothing.
 *
 * @throws AnnulusError `ANNULUS_LIMIT`, or `ANNULUS_CORRUPT` when a record to be replaced is damaged.
 */
export function planWrites(inputs: readonly WriteInput[], parts: PlanParts): WritePlan {
  const points = inputs.reduce((sum, input) => sum + ('group' in input ? sizeOf(input) : 0), 0)
  const first = parts.table.slots
  const reused = parts.readers.pinned ? new Uint32Array() : parts.table.freeSlots(points)
  // Points that move take no fresh slots, for those are not nearer to the front.
  const fresh = inputs.some(isMove) ? 0 : points - reused.length
  const plan: WritePlan = {
    grant: { reused, first, end: first + fresh },
    slots: new Map(),
    added: new Map(),
    removed: [],
    counts: [],
    indexed: new Map(),
    unindexed: new Map(),
  }
  if (plan.grant.end > limits.slotsMax) {
    throw new AnnulusError(
      'ANNULUS_LIMIT',
      `a collection may hold at most ${limits.slotsMax} points`,
    )
  }
  let next = 0
  for (const input of inputs) {
    if ('remove' in input) {
      const removed = input.remove.filter((id) => planRemoval(plan, id, parts)).length
      plan.counts.push({ inserted: 0, replaced: 0, removed })
    } else {
      const replaced = planGroup(plan, input.group, next, parts)
      next += input.group.ids.length
      plan.counts.push({ inserted: input.group.ids.length - replaced, replaced, removed: 0 })
    }
  }
  return plan
}

function planGroup(plan: WritePlan, group: PointGroup, first: number, parts: PlanParts): number {
  let replaced = 0
  for (let index = 0; index < group.ids.length; index++) {
    const id = group.ids[index] as PointId
    const slot = slotAt(plan.grant, first + index)
    const from = group.from?.[index]
    if (from !== undefined && (slot >= from || parts.payloads.slotOf(id) !== from)) continue
    if (planRemoval(plan, id, parts)) replaced++
    plan.slots.set(id, slot)
    const record = group.records[index]
    if (record === undefined) throw new AnnulusError('ANNULUS_INTERNAL', 'a group lacks a record')
    plan.added.set(slot, { id, record })
    parts.fields.collect(plan.indexed, slot, group.payloads[index])
  }
  return replaced
}

/** Plans to give up the slot of an id, if it has one. */
function planRemoval(plan: WritePlan, id: PointId, parts: PlanParts): boolean {
  const { store, fields, payloads } = parts
  const slot = plan.slots.has(id) ? plan.slots.get(id) : payloads.slotOf(id)
  if (slot === undefined) return false
  plan.slots.set(id, undefined)
  if (plan.added.delete(slot)) {
    for (const { slots } of plan.indexed.values()) {
      if (slots.includes(slot)) slots.splice(slots.indexOf(slot), 1)
    }
    return true
  }
  plan.removed.push(slot)
  if (fields.fields.length === 0) return true
  const bytes = store.record(slot)
  if (bytes === undefined) throw lostRecord(slot)
  const { payload } = decodeRecord(bytes, slot)
  if (payload !== undefined) fields.collect(plan.unindexed, slot, decodePayload(payload))
  return true
}

/** Whether an input only moves points to other slots. Such a one is committed alone. */
export function isMove(input: WriteInput): boolean {
  return 'group' in input && input.group.from !== undefined
}

/** Points or ids of an input. */
export function sizeOf(input: WriteInput): number {
  return 'group' in input ? input.group.ids.length : input.remove.length
}

/** Points that an input adds or replaces. */
export function addedBy(input: WriteInput | undefined): number {
  return input !== undefined && 'group' in input ? sizeOf(input) : 0
}

/** Vectors and records that an input brings. */
export function bytesOf(input: WriteInput): number {
  if (!('group' in input)) return 0
  const { records, vectors } = input.group
  return records.reduce((bytes, record) => bytes + record.length, vectors.byteLength)
}

/** The vectors of all groups, in slot order. */
export function vectorsOf(inputs: readonly WriteInput[], dimension: number): Float32Array {
  const groups = inputs.flatMap((input) => ('group' in input ? [input.group] : []))
  const [only] = groups
  if (groups.length === 1 && only !== undefined) return only.vectors
  const points = groups.reduce((sum, group) => sum + group.ids.length, 0)
  const vectors = new Float32Array(points * dimension)
  let offset = 0
  for (const group of groups) {
    vectors.set(group.vectors, offset)
    offset += group.vectors.length
  }
  return vectors
}
