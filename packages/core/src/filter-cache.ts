// Filters as bitmaps. What a slot holds never changes, so a bitmap once found stays right and is only
// extended by the slots written since; dead slots are masked out.
import { AbortError, AnnulusError } from '@annulus/native'
import { LRUCache } from 'lru-cache'
import { nowMs } from './clock.js'
import { blockSlots, type FieldIndex } from './field-index.js'
import { type Condition, matches, type ParsedFilter } from './filter.js'
import type { PayloadReader } from './payload-reader.js'
import { turn } from './points.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'
import type { Writer } from './writer.js'

const cacheBytes = 16 << 20
const entryBytes = 500
/** Longest time to hold the event loop while a filter is evaluated. */
const sliceMs = 2
const scanBatch = 128
/** Writes that overtake an evaluation this often have to wait for it. */
const roundsMax = 8

/** Live slots below `slots` that fulfil a filter, as things stood after so many removals. */
export interface Match {
  /** Later writes leave it alone. */
  readonly set: SlotSet
  readonly slots: number
  readonly removals: number
}

class Entry {
  readonly matched = new SlotSet()
  /** Slots below this are evaluated. */
  upTo = 0
  extending: Promise<void> | undefined
  #alive: Match | undefined
  readonly conditions: readonly Condition[]

  constructor(conditions: readonly Condition[]) {
    this.conditions = conditions
  }

  /** The matching slots that are live now. */
  alive(table: SlotTable): Match {
    const { removals } = table
    const known = this.#alive
    if (known?.removals === removals && known.slots === this.upTo) return known
    const set = this.matched.intersection(table.live)
    this.#alive = { set, removals, slots: this.upTo }
    return this.#alive
  }
}

export class FilterCache {
  readonly #table: SlotTable
  readonly #reader: PayloadReader
  readonly #fields: FieldIndex
  readonly #betweenCommits: Writer['betweenCommits']
  readonly #entries = new LRUCache<string, Entry>({ maxSize: cacheBytes })

  constructor(
    table: SlotTable,
    reader: PayloadReader,
    fields: FieldIndex,
    betweenCommits: Writer['betweenCommits'],
  ) {
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
   * 16,384 slots; others make it read the payloads of all slots written since the filter was last used,
   * about 3 µs each, in slices of 2 ms.
   */
  async match(filter: ParsedFilter, signal: AbortSignal | undefined): Promise<Match> {
    let entry = this.#entries.get(filter.key)
    if (entry === undefined) {
      entry = new Entry(filter.conditions)
      this.#remember(filter.key, entry)
    }
    for (let rounds = 0; entry.upTo < this.#table.slots; rounds++) {
      if (signal?.aborted === true) throw new AbortError(signal.reason)
      entry.extending ??= this.#extendOnce(filter.key, entry, rounds < roundsMax)
      await entry.extending
    }
    // In the same step as the comparison: what is dead and what is evaluated belong together.
    return entry.alive(this.#table)
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
    const indexed = entry.conditions.filter(({ field }) => this.#fields.fields.includes(field))
    const others = entry.conditions.filter((condition) => !indexed.includes(condition))
    const found = await this.#matchIndexed(indexed, entry.upTo, to)
    if (others.length === 0) entry.matched.addWords(0, found.words)
    else await this.#matchPayloads(entry.matched, others, found.slots(entry.upTo, to))
    entry.upTo = to
    this.#remember(key, entry)
  }

  /** Slots in [from, to) that fulfil the indexed conditions, or all live ones without a condition. */
  async #matchIndexed(
    conditions: readonly Condition[],
    from: number,
    to: number,
  ): Promise<SlotSet> {
    if (conditions.length === 0) return this.#table.live
    let slice = nowMs()
    let all: SlotSet | undefined
    for (const { field, values } of conditions) {
      const found = new SlotSet(to)
      for (let block = Math.floor(from / blockSlots); block * blockSlots < to; block++) {
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
    if (missing.length > 0) await this.#betweenCommits(() => this.#expectDead(missing))
  }

  /** A live slot has no record while the commit that removed it is not visible yet, and only then. */
  async #expectDead(slots: readonly number[]): Promise<void> {
    const slot = slots.find((each) => this.#table.live.has(each))
    if (slot === undefined) return
    throw new AnnulusError('ANNULUS_CORRUPT', `slot ${slot} has lost its record`, {
      details: { slot },
    })
  }

  #remember(key: string, entry: Entry): void {
    const size = entryBytes + key.length + 2 * entry.matched.words.byteLength
    this.#entries.set(key, entry, { size })
  }
}
