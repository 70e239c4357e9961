// Filters as bitmaps. A bitmap once found stays right for the slots that keep their points and is only
// extended by the slots written since; dead slots are masked out.
import { AbortError } from '@annulus/native'
import { LRUCache } from 'lru-cache'
import { filterCacheBytes } from './cache-sizes.js'
import { nowMs } from './clock.js'
import type { BetweenCommits } from './commits.js'
import { blockSlots, type FieldIndex } from './field-index.js'
import type { FieldCheck } from './field-sum.js'
import { type Condition, type FilterValue, matches, type ParsedFilter } from './filter.js'
import type { PayloadReader } from './payload-reader.js'
import { turn } from './points.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'

const entryBytes = 500
/** Longest time to hold the event loop while a filter is evaluated. */
const sliceMs = 2
const scanBatch = 128
/** Writes that overtake an evaluation this often have to wait for it. */
const roundsMax = 8

/** Live slots that fulfil a filter, as things stood after so many removals. */
export interface Match {
  /** Later writes leave it alone. */
  readonly set: SlotSet
  readonly removals: number
}

/** A condition that the payload index can answer. */
interface IndexedCondition {
  readonly field: string
  readonly values: ReadonlySet<FilterValue>
}

class Entry {
  matched = new SlotSet()
  /** Slots below this are evaluated. */
  upTo = 0
  /** Slots below `upTo` that got other points since. */
  stale = new SlotSet()
  extending: Promise<void> | undefined
  #alive: (Match & { readonly version: number }) | undefined
  readonly conditions: readonly Condition[]

  constructor(conditions: readonly Condition[]) {
    this.conditions = conditions
  }

  /** The matching slots that are live now. */
  alive(table: SlotTable): Match {
    const { removals, version } = table
    if (this.#alive?.version === version) return this.#alive
    this.#alive = { set: this.matched.intersection(table.live), removals, version }
    return this.#alive
  }

  isComplete(table: SlotTable): boolean {
    return this.extending === undefined && this.upTo >= table.slots && this.stale.size === 0
  }

  /** Takes what is to be evaluated: all of it below `to` that is not yet. */
  takePending(to: number): SlotSet {
    const pending = this.stale
    this.stale = new SlotSet()
    pending.addRange(this.upTo, to)
    this.matched = this.matched.without(pending)
    return pending
  }
}

export class FilterCache {
  readonly #table: SlotTable
  readonly #reader: PayloadReader
  readonly #fields: FieldIndex
  readonly #fieldCheck: FieldCheck
  readonly #betweenCommits: BetweenCommits
  readonly #entries = new LRUCache<string, Entry>({ maxSize: filterCacheBytes })

  constructor(
    table: SlotTable,
    reader: PayloadReader,
    fields: FieldIndex,
    fieldCheck: FieldCheck,
    betweenCommits: BetweenCommits,
  ) {
    this.#fieldCheck = fieldCheck
    this.#betweenCommits = betweenCommits
    this.#table = table
    this.#reader = reader
    this.#fields = fields
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }

  /**
   * Live slots that fulfil the filter. Fields with an index cost a few microseconds for each block of
   * 16,384 slots; others, and ranges, make it read the payloads of all slots written since the filter was last used,
   * about 3 µs each, in slices of 2 ms.
   */
  async match(filter: ParsedFilter, signal: AbortSignal | undefined): Promise<Match> {
    let entry = this.#entries.get(filter.key)
    if (entry === undefined) {
      entry = new Entry(filter.conditions)
      this.#remember(filter.key, entry)
    }
    for (let rounds = 0; !entry.isComplete(this.#table); rounds++) {
      if (signal?.aborted === true) throw new AbortError(signal.reason)
      entry.extending ??= this.#extendOnce(filter.key, entry, rounds < roundsMax)
      await entry.extending
    }
    // In the same step as the comparison: what is dead and what is evaluated belong together.
    return entry.alive(this.#table)
  }

  /** Slots that got other points must be looked at again. */
  reassign(slots: readonly number[]): void {
    if (slots.length === 0) return
    for (const entry of this.#entries.values()) for (const slot of slots) entry.stale.add(slot)
  }

  /** Slots at the end were given up: what has their numbers next are others. */
  cut(): void {
    for (const entry of this.#entries.values()) entry.upTo = 0
  }

  async #extendOnce(key: string, entry: Entry, besideCommits: boolean): Promise<void> {
    const extend = () => this.#extend(key, entry)
    try {
      await (besideCommits ? extend() : this.#betweenCommits(extend))
    } finally {
      entry.extending = undefined
    }
  }

  async #extend(key: string, entry: Entry): Promise<void> {
    const to = this.#table.slots
    const { cuts } = this.#table
    const indexed = entry.conditions.flatMap(({ field, values }) =>
      values !== undefined && this.#fields.fields.includes(field) ? [{ field, values }] : [],
    )
    const others = entry.conditions.filter(
      ({ field, values }) => values === undefined || !this.#fields.fields.includes(field),
    )
    const pending = entry.takePending(to)
    try {
      const found = (await this.#matchIndexed(indexed, pending, to)).intersection(pending)
      if (others.length === 0) entry.matched.addWords(0, found.words)
      else await this.#matchPayloads(entry.matched, others, found.slots())
    } catch (error) {
      entry.stale.addWords(0, pending.words)
      throw error
    }
    entry.upTo = this.#table.cuts === cuts ? to : 0
    this.#remember(key, entry)
  }

  /** Slots that fulfil the indexed conditions, or all live ones without one; right for those pending. */
  async #matchIndexed(
    conditions: readonly IndexedCondition[],
    pending: SlotSet,
    to: number,
  ): Promise<SlotSet> {
    if (conditions.length === 0) return this.#table.live
    await this.#fieldCheck.passed()
    let slice = nowMs()
    let all: SlotSet | undefined
    for (const { field, values } of conditions) {
      const found = new SlotSet(to)
      for (let block = 0; block * blockSlots < to; block++) {
        if (pending.count(block * blockSlots, (block + 1) * blockSlots) === 0) continue
        this.#fields.addMatches(found, field, values, block)
        if (nowMs() - slice < sliceMs) continue
        await turn()
        slice = nowMs()
      }
      all = all === undefined ? found : all.intersection(found)
    }
    return all ?? this.#table.live
  }

  async #matchPayloads(found: SlotSet, conditions: readonly Condition[], slots: Uint32Array) {
    const missing: number[] = []
    let slice = nowMs()
    for (let first = 0; first < slots.length; first += scanBatch) {
      const batch = Array.from(slots.subarray(first, first + scanBatch))
      await this.#reader.prepare(batch, true)
      for (const slot of batch) {
        if (!this.#table.live.has(slot)) continue
        const content = this.#reader.peek(slot)
        if (content === undefined) missing.push(slot)
        else if (matches(conditions, content.payload)) found.add(slot)
      }
      if (nowMs() - slice < sliceMs) continue
      await turn()
      slice = nowMs()
    }
    if (missing.length > 0) await this.#reader.expectDead(missing)
  }

  #remember(key: string, entry: Entry): void {
    const size = entryBytes + key.length + 2 * entry.matched.words.byteLength
    this.#entries.set(key, entry, { size })
  }
}
