// Which slots hold a point now, and which: the part of the point data that is always in memory.
import { IdIndex } from './id-index.js'
import type { PointId } from './ids.js'
import { SlotSet } from './slot-set.js'

/** Slots whose numeric ids share one array: growing never copies more than a pointer. */
export const idChunkSlots = 65_536
const idChunkShift = 16

/**
 * Live slots, their numeric ids, and hashes of all ids. A slot is live, dead (it had a point, and somebody may still be
 * reading it) or free for another point. What is said of a slot stays true from the moment it is live
 * until it is free again.
 */
export class SlotTable {
  readonly live: SlotSet
  /** One past the last slot handed out. */
  slots: number
  /** Grows by one with each slot that dies; a search compares it to see whether it was overtaken. */
  removals = 0
  /** Grows with every change of what is live. */
  version = 0
  /** Times that free slots at the end were given up: the next to have their numbers are others. */
  cuts = 0
  readonly #free = new SlotSet()
  #frozen: { set: SlotSet; version: number } | undefined
  readonly #ids: (Float64Array | undefined)[] = []
  readonly ids = new IdIndex()

  constructor(slots = 0, live: SlotSet = new SlotSet(slots)) {
    this.slots = slots
    this.live = live
    live.reserve(slots)
  }

  /** The live slots as they are now, in a set that later writes leave alone. */
  frozen(): SlotSet {
    const known = this.#frozen
    if (known?.version === this.version) return known.set
    const set = SlotSet.from(this.live.words.slice(0, Math.ceil(this.slots / 32)))
    this.#frozen = { set, version: this.version }
    return set
  }

  /** Makes `slot` live. */
  add(slot: number, id: PointId): void {
    if (this.live.has(slot)) this.ids.remove(slot)
    this.ids.add(slot, id)
    this.live.add(slot)
    this.#free.delete(slot)
    this.version++
    this.#setId(slot, typeof id === 'number' ? id : Number.NaN)
  }

  remove(slot: number): void {
    if (this.live.has(slot)) this.ids.remove(slot)
    this.live.delete(slot)
    this.removals++
    this.version++
  }

  /** Moves the end of the table to `slots` and keeps the bitmap as long as the table. */
  extend(slots: number): void {
    this.slots = Math.max(this.slots, slots)
    this.live.reserve(this.slots)
    this.version++
  }

  /** One past the last slot that is not free. */
  get used(): number {
    let end = this.slots
    while (end > 0 && this.#free.has(end - 1)) end--
    return end
  }

  /** Moves the end of the table down to `end`; all slots from there on are free. */
  cut(end: number): void {
    this.slots = end
    this.live.cut(end)
    this.#free.cut(end)
    this.ids.cut(end)
    this.#ids.length = Math.min(this.#ids.length, Math.ceil(end / idChunkSlots))
    this.version++
    this.cuts++
  }

  /** Slots below the end that are neither live nor free: how many, and which. */
  get dead(): number {
    return this.slots - this.live.size - this.#free.size
  }

  deadSlots(): SlotSet {
    const all = new SlotSet(this.slots)
    all.addRange(0, this.slots)
    return all.without(this.live).without(this.#free)
  }

  /** Lets dead slots be given to other points: nobody reads them any more. */
  release(dead: SlotSet): void {
    this.#free.addWords(0, dead.words)
  }

  get free(): number {
    return this.#free.size
  }

  /** The lowest free slots, ascending, at most `max`. */
  freeSlots(max: number): Uint32Array {
    return this.#free.slots(0, this.slots, max)
  }

  #setId(slot: number, id: number): void {
    const index = Math.floor(slot / idChunkSlots)
    let chunk = this.#ids[index]
    if (chunk === undefined) {
      if (Number.isNaN(id)) return
      chunk = new Float64Array(idChunkSlots).fill(Number.NaN)
      this.#ids[index] = chunk
    }
    chunk[slot % idChunkSlots] = id
  }

  /** The id of a slot if it is a number; undefined for a string id. */
  numericId(slot: number): number | undefined {
    const id = this.#ids[slot >>> idChunkShift]?.[slot & (idChunkSlots - 1)]
    return id === undefined || Number.isNaN(id) ? undefined : id
  }

  /** The chunk of numeric ids that starts at slot `index × idChunkSlots`, if any of its ids is a number. */
  idChunk(index: number): Float64Array | undefined {
    return this.#ids[index]
  }

  /** Whether a live slot's point may have this id: two ids in 2³² look the same. */
  mayBe(slot: number, id: PointId): boolean {
    return this.live.has(slot) && this.ids.mayBe(slot, id)
  }

  /** Puts back a chunk from a snapshot. */
  setIdChunk(index: number, chunk: Float64Array): void {
    this.#ids[index] = chunk
  }

  get bytes(): number {
    const chunks = this.#ids.reduce((count, chunk) => count + (chunk === undefined ? 0 : 1), 0)
    return this.live.words.byteLength + chunks * idChunkSlots * 8 + this.ids.bytes
  }
}
