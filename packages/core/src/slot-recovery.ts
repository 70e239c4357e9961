// The slot table as of the last commit, from what LMDB keeps: the changes since a snapshot, or all records.
import { AnnulusError } from '@annulus/native'
import type { CollectionState } from './collection-state.js'
import type { CollectionStore } from './collection-store.js'
import type { PointId } from './ids.js'
import { turn } from './points.js'
import { decodeRecord } from './records.js'
import { SlotSet } from './slot-set.js'
import { SlotTable } from './slot-table.js'

/** Slots that got other points after a commit; also fresh ones, once those at the end were given up. */
export function reassignedAfter(store: CollectionStore, sequence: number): SlotSet {
  const slots = new SlotSet()
  let cut = false
  for (const { from, to, reused = [], cutFrom } of store.changesAfter(sequence)) {
    cut ||= cutFrom !== undefined
    for (const slot of reused) slots.add(slot)
    if (cut) slots.addRange(from, to)
  }
  return slots
}

/**
 * Brings a table from the commit of its snapshot to the last one.
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` when a commit in between is not noted.
 */
export function replay(
  table: SlotTable,
  store: CollectionStore,
  sequence: number,
  state: CollectionState,
): void {
  let commits = sequence
  const changes = Array.from(store.changesAfter(sequence))
  const most = changes.reduce((max, { cutFrom = 0 }) => Math.max(max, cutFrom), state.slots)
  for (const change of changes) {
    commits++
    if (change.to > most) {
      throw new AnnulusError('ANNULUS_CORRUPT', `a change names slots past the last, ${change.to}`)
    }
    if (change.cutFrom !== undefined) table.cut(change.to)
    table.extend(change.to)
    for (const slot of change.reused ?? []) addFromRecord(table, store, slot)
    for (let slot = change.from; slot < change.to; slot++) addFromRecord(table, store, slot)
    for (const slot of change.removed) table.remove(slot)
  }
  if (commits === state.sequence) return
  throw new AnnulusError('ANNULUS_CORRUPT', `${commits} of ${state.sequence} commits are noted`)
}

/** @throws AnnulusError `ANNULUS_CORRUPT` when there are not as many records as points, each where its id says. */
export async function scanRecords(
  store: CollectionStore,
  { slots, points }: CollectionState,
): Promise<SlotTable> {
  const table = new SlotTable(slots)
  const step = 1_000
  for (let first = 0; first < slots; first += step) {
    for (const slot of Array.from(store.recordSlots(first, Math.min(slots, first + step)))) {
      const id = addFromRecord(table, store, slot)
      if (id === undefined || store.slotOf(id) === slot) continue
      throw new AnnulusError('ANNULUS_CORRUPT', `the id of slot ${slot} does not lead there`, {
        details: { slot, id },
      })
    }
    await turn()
  }
  if (table.live.size === points) return table
  throw new AnnulusError(
    'ANNULUS_CORRUPT',
    `${table.live.size} of ${points} records are left in collection ${store.number}`,
  )
}

/** A slot without a record died in the commit that made it or in a later one. */
function addFromRecord(
  table: SlotTable,
  store: CollectionStore,
  slot: number,
): PointId | undefined {
  const record = store.record(slot)
  if (record === undefined) return undefined
  const { id } = decodeRecord(record, slot)
  table.add(slot, id)
  return id
}
