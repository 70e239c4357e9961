// Ids and payloads of slots, from memory where possible, without a page fault on the event loop.
import { AnnulusError } from '@annulus/native'
import { LRUCache } from 'lru-cache'
import type { CollectionStore } from './collection-store.js'
import type { BetweenCommits } from './commits.js'
import type { PointId } from './ids.js'
import { decodePayload } from './payloads.js'
import { decodeRecord } from './records.js'
import type { SlotTable } from './slot-table.js'
import type { Warmth } from './warmth.js'

/** Id and decoded payload of a slot. */
export interface Content {
  readonly id: PointId
  readonly payload: object | undefined
}

/** A decoded object takes about this many times its encoded bytes, and this much more in any case. */
const decodedFactor = 3
const entryBytes = 200

export class PayloadReader {
  readonly #store: CollectionStore
  readonly #table: SlotTable
  readonly #cache: LRUCache<number, Content>
  readonly #stringIds: LRUCache<number, string>
  readonly #warmth: Warmth
  readonly #betweenCommits: BetweenCommits
  hits = 0
  misses = 0

  constructor(
    store: CollectionStore,
    table: SlotTable,
    warmth: Warmth,
    cacheBytes: number,
    betweenCommits: BetweenCommits,
  ) {
    this.#betweenCommits = betweenCommits
    this.#store = store
    this.#table = table
    this.#warmth = warmth
    // An eighth for ids alone, which searches without payloads need.
    this.#cache = new LRUCache({ maxSize: Math.max(1, Math.ceil((cacheBytes * 7) / 8)) })
    this.#stringIds = new LRUCache({ maxSize: Math.max(1, Math.floor(cacheBytes / 8)) })
  }

  /** Bytes of cached ids and payloads, by estimate. */
  get bytes(): number {
    return this.#cache.calculatedSize + this.#stringIds.calculatedSize
  }

  /**
   * Brings what `content` or `id` will read into memory; undefined when all of it is there, which most
   * searches should not wait to hear.
   */
  prepare(slots: readonly number[], withPayload: boolean): Promise<void> | undefined {
    const missing = slots.filter((slot) => !this.#knows(slot, withPayload))
    if (missing.length === 0 || this.#warmth.warm) return undefined
    return this.#store.prefetchRecords(missing)
  }

  /** Whether `content` or `id` may be asked now for `count` slots: none of them waits for a disk. */
  isReady(slots: Uint32Array, from: number, count: number, withPayload: boolean): boolean {
    for (let at = from; at < from + count; at++) {
      if (!this.#knows(slots[at] ?? 0, withPayload)) return this.#warmth.warm
    }
    return true
  }

  /** Slots of ids, undefined where there is none. */
  async slotsOf(ids: readonly PointId[]): Promise<(number | undefined)[]> {
    if (!this.#warmth.warm) await this.#store.prefetchIds(ids)
    const slots = ids.map((id) => this.#store.slotOf(id))
    if (ids.every((id, index) => this.#agrees(id, slots[index]))) return slots
    // A commit is readable from LMDB a moment before the table knows of it.
    return this.#betweenCommits(async () => ids.map((id) => this.slotOf(id)))
  }

  /**
   * The slot of an id; only while no commit is under way.
   *
   * @throws AnnulusError `ANNULUS_CORRUPT` when LMDB does not say the same as the table.
   */
  slotOf(id: PointId): number | undefined {
    const slot = this.#store.slotOf(id)
    if (this.#agrees(id, slot)) return slot
    const problem = slot === undefined ? 'has lost its slot' : `leads to slot ${slot} of another`
    throw new AnnulusError('ANNULUS_CORRUPT', `the id ${JSON.stringify(id)} ${problem}`, {
      details: { id, slot },
    })
  }

  /**
   * A live slot has no record while the commit that removed it is not visible yet, and only then.
   *
   * @throws AnnulusError `ANNULUS_CORRUPT` when one of these slots is live all the same.
   */
  expectDead(slots: readonly number[]): Promise<void> {
    return this.#betweenCommits(async () => {
      const slot = slots.find((each) => this.#table.live.has(each))
      if (slot !== undefined) throw lostRecord(slot)
    })
  }

  #agrees(id: PointId, slot: number | undefined): boolean {
    if (slot !== undefined) return this.#table.mayBe(slot, id)
    return this.#table.ids.candidates(id).every((each) => {
      const other = this.id(each)
      return other !== undefined && other !== id
    })
  }

  /** Id and payload of a slot; undefined when a commit has removed it meanwhile. */
  content(slot: number): Content | undefined {
    const cached = this.#cache.get(slot)
    if (cached !== undefined) {
      this.hits++
      return cached
    }
    this.misses++
    const read = this.#read(slot)
    if (read === undefined) return undefined
    this.#cache.set(slot, read.content, { size: entryBytes + read.bytes * decodedFactor })
    return read.content
  }

  /** The same for somebody who passes over many slots: the cache stays as it is. */
  peek(slot: number): Content | undefined {
    return this.#cache.peek(slot) ?? this.#read(slot)?.content
  }

  #read(slot: number): { content: Content; bytes: number } | undefined {
    const bytes = this.#store.record(slot)
    if (bytes === undefined) return undefined
    const { id, payload } = decodeRecord(bytes, slot)
    this.#checkId(slot, id)
    const content = { id, payload: payload === undefined ? undefined : decodePayload(payload) }
    return { content, bytes: bytes.length }
  }

  /** Id of a slot; undefined when a commit has removed it meanwhile. */
  id(slot: number): PointId | undefined {
    const known = this.#knownId(slot)
    if (known !== undefined) return known
    const bytes = this.#store.record(slot)
    if (bytes === undefined) return undefined
    const { id } = decodeRecord(bytes, slot)
    this.#checkId(slot, id)
    if (typeof id === 'string') this.#stringIds.set(slot, id, { size: entryBytes + id.length })
    return id
  }

  forget(slot: number): void {
    this.#cache.delete(slot)
    this.#stringIds.delete(slot)
  }

  #knows(slot: number, withPayload: boolean): boolean {
    return withPayload ? this.#cache.has(slot) : this.#knownId(slot) !== undefined
  }

  #knownId(slot: number): PointId | undefined {
    return this.#table.numericId(slot) ?? this.#stringIds.get(slot) ?? this.#cache.peek(slot)?.id
  }

  /** The id is kept twice; a record that was put where another belongs shows here. */
  #checkId(slot: number, id: PointId): void {
    // A commit is readable from LMDB a moment before the table knows of it.
    if (!this.#table.live.has(slot)) return
    const expected = this.#table.numericId(slot)
    if (this.#table.mayBe(slot, id) && (expected === undefined || expected === id)) return
    throw new AnnulusError('ANNULUS_CORRUPT', `slot ${slot} holds the record of another point`, {
      details: { slot, id, expected },
    })
  }
}

export function lostRecord(slot: number): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `slot ${slot} has lost its record`, {
    details: { slot },
  })
}
