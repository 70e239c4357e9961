// What one collection keeps in LMDB: ids, records, state, and the changes since its last snapshot.

import { AnnulusError } from '@annulus/native'
import type { Key } from 'lmdb'
import type { Change, CollectionState, SnapshotManifest } from './collection-state.js'
import { idKey, idOfKey, type PointId } from './ids.js'
import type { Store, StoreTables } from './store.js'
import { decodeStored, encodeStored, type Shape } from './stored.js'
import { areUnindexed, isChange, isManifest, isState } from './stored-shapes.js'

const slotRange = 2 ** 32
/** The slot, and its complement as a check. */
const idValueBytes = 8

export class CollectionStore {
  readonly number: number
  readonly #store: Store
  readonly #tables: StoreTables

  /** @param tables what is read and written; default the store's own */
  constructor(store: Store, number: number, tables: StoreTables = store.tables) {
    this.#store = store
    this.#tables = tables
    this.number = number
  }

  /** The database that this is a part of. */
  get database(): Store {
    return this.#store
  }

  /** Applies the puts and removes made by `write` in one durable transaction; `write` must not throw. */
  commit(write: () => void): Promise<void> {
    return this.#store.commit(write)
  }

  /** As `commit`, but durable only as early as the database's durability says. */
  apply(write: () => void): Promise<void> {
    return this.#store.apply(write)
  }

  slotOf(id: PointId): number | undefined {
    const value = this.#tables.ids.getBinaryFast(idKey(this.number, id))
    if (value === undefined) return undefined
    const slot = slotIn(value)
    if (slot === undefined) {
      throw new AnnulusError('ANNULUS_CORRUPT', 'the slot of an id does not match its check', {
        details: { id },
      })
    }
    return slot
  }

  /** Names the slot of each id; those without one are removed. */
  putIds(slots: ReadonlyMap<PointId, number | undefined>): void {
    // One piece of memory for all, which LMDB then has to be told of only once.
    const memory = Buffer.allocUnsafeSlow(idValueBytes * slots.size)
    let end = 0
    slots.forEach((slot, id) => {
      const key = idKey(this.number, id)
      if (slot === undefined) {
        this.#tables.ids.remove(key)
        return
      }
      const value = memory.subarray(end, end + idValueBytes)
      end += idValueBytes
      value.writeUInt32LE(slot, 0)
      value.writeUInt32LE(~slot >>> 0, 4)
      this.#tables.ids.put(key, value)
    })
  }

  /** The sealed record of a slot, valid until the next read from LMDB. */
  record(slot: number): Buffer | undefined {
    const value = this.#tables.points.getBinaryFast(this.#pointKey(slot))
    return value?.subarray(0, value.length)
  }

  putRecord(slot: number, record: Buffer): void {
    this.#tables.points.put(this.#pointKey(slot), record)
  }

  removeRecord(slot: number): void {
    this.#tables.points.remove(this.#pointKey(slot))
  }

  /** Slots with a record in [from, to), ascending. */
  *recordSlots(from: number, to: number): Generator<number, void, void> {
    const base = this.number * slotRange
    const range = { start: base + from, end: base + to }
    for (const key of this.#tables.points.getKeys(range)) yield key - base
  }

  /** Keys of the id table and the slots they lead to, as they are; in the order of the keys. */
  *idEntries(): Generator<{ id: PointId; slot: number | undefined }> {
    const start = Buffer.alloc(4)
    start.writeUInt32BE(this.number)
    const end = Buffer.alloc(4)
    end.writeUInt32BE(this.number + 1)
    for (const { key, value } of this.#tables.ids.getRange({ start, end })) {
      yield { id: idOfKey(key), slot: slotIn(value) }
    }
  }

  /** Brings the pages of these records into memory on another thread. */
  prefetchRecords(slots: ArrayLike<number>): Promise<void> {
    return this.#tables.points.prefetch(Array.from(slots, (slot) => this.#pointKey(slot)))
  }

  prefetchIds(ids: readonly PointId[]): Promise<void> {
    return this.#tables.ids.prefetch(ids.map((id) => idKey(this.number, id)))
  }

  /** @throws AnnulusError `ANNULUS_CORRUPT` when it is damaged, another's, or gone while others are there. */
  state(): CollectionState {
    const state = this.#meta('state', isState)
    if (state?.collection !== undefined && state.collection !== this.number)
      throw this.#lost('state')
    if (state !== undefined) return state
    if (this.#meta('snapshot', isManifest) !== undefined) throw this.#lost('state')
    for (const _ of this.recordSlots(0, slotRange)) throw this.#lost('state')
    return { slots: 0, points: 0, sequence: 0 }
  }

  putState(state: CollectionState): void {
    this.#putMeta('state', { ...state, collection: this.number })
  }

  snapshot(): SnapshotManifest | undefined {
    return this.#meta('snapshot', isManifest)
  }

  putSnapshot(manifest: SnapshotManifest): void {
    this.#putMeta('snapshot', manifest)
  }

  /** What the last commit left in the payload index for the next one to clear: keys and slots. */
  unindexed(): readonly (readonly [Buffer, readonly number[]])[] {
    const entries = this.#meta('unindexed', areUnindexed) ?? []
    const expected = this.state().unindexed
    if (expected !== undefined && expected !== entries.length) throw this.#lost('unindexed')
    return entries
  }

  putUnindexed(entries: readonly (readonly [Buffer, readonly number[]])[]): void {
    this.#putMeta('unindexed', entries)
  }

  putChange(sequence: number, change: Change): void {
    this.#tables.changes.put([this.number, sequence], encodeStored(change))
  }

  /** Changes after `sequence`, oldest first. */
  *changesAfter(sequence: number): Generator<Change> {
    const range = { start: [this.number, sequence + 1], end: [this.number + 1] }
    for (const { key, value } of this.#tables.changes.getRange(range)) {
      yield decodeStored(value, `change ${String(key)}`, isChange)
    }
  }

  /** Keys of the changes up to and including `sequence`. */
  changesThrough(sequence: number): Key[] {
    const range = { start: [this.number, 0], end: [this.number, sequence + 1] }
    return Array.from(this.#tables.changes.getKeys(range))
  }

  removeChanges(keys: readonly Key[]): void {
    for (const key of keys) this.#tables.changes.remove(key)
  }

  #lost(name: string): AnnulusError {
    const what = `the record ${name} of collection ${this.number}`
    return new AnnulusError('ANNULUS_CORRUPT', `${what} is lost`, { details: { record: name } })
  }

  #pointKey(slot: number): number {
    return this.number * slotRange + slot
  }

  #meta<T>(name: string, shape: Shape<T>): T | undefined {
    const value = this.#tables.meta.getBinary([name, this.number])
    const what = `${name} of collection ${this.number}`
    return value === undefined ? undefined : decodeStored(value, what, shape)
  }

  #putMeta(name: string, value: unknown): void {
    this.#tables.meta.put([name, this.number], encodeStored(value))
  }
}

/** The slot in an entry of the id table; undefined when it does not match its check. */
function slotIn(value: Buffer): number | undefined {
  if (value.length !== 8) return undefined
  const slot = value.readUInt32LE(0)
  return value.readUInt32LE(4) === ~slot >>> 0 ? slot : undefined
}
