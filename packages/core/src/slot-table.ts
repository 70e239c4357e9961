// Which slots hold a point now, and which: the part of the point data that is always in memory.
import type { PointId } from './ids.js'
import { SlotSet } from './slot-set.js'

/** Slots whose numeric ids share one array: growing never copies more than a pointer. */
export const idChunkSlots = 65_536

/**
 * Live slots and their numeric ids. Slots are handed out in order and not reused: what is said here
 * of a slot that was ever live stays true, except that it may die.
 */
export class SlotTable {
  readonly live: SlotSet
  /** One past the last slot handed out. */
  slots: number
  /** Grows by one with each slot that dies; a search compares it to see whether it was overtaken. */
  removals = 0
  #frozen: { set: SlotSet; removals: number; slots: number } | undefined
  readonly #ids: (Float64Array | undefined)[] = []

  constructor(slots = 0, live: SlotSet = new SlotSet(slots)) {
    this.slots = slots
    this.live = live
    live.reserve(slots)
  }

  /** The live slots as they are now, in a set that later writes leave alone. */
  frozen(): SlotSet {
    const known = this.#frozen
    if (known?.removals === this.removals && known.slots === this.slots) return known.set
    const set = SlotSet.from(this.live.words.slice(0, Math.ceil(this.slots / 32)))
    this.#frozen = { set, removals: this.removals, slots: this.slots }
    return set
  }

  /** Makes `slot` live. */
  add(slot: number, id: PointId): void {
    this.live.add(slot)
    if (typeof id === 'number') this.setNumericId(slot, id)
  }

  remove(slot: number): void {
    this.live.delete(slot)
    this.removals++
  }

  /** Moves the end of the table to `slots` and keeps the bitmap as long as the table. */
  extend(slots: number): void {
    this.slots = Math.max(this.slots, slots)
    this.live.reserve(this.slots)
  }

  setNumericId(slot: number, id: number): void {
    const index = Math.floor(slot / idChunkSlots)
    let chunk = this.#ids[index]
    if (chunk === undefined) {
      chunk = new Float64Array(idChunkSlots).fill(Number.NaN)
      this.#ids[index] = chunk
    }
    chunk[slot % idChunkSlots] = id
  }

  /** The id of a slot if it is a number; undefined for a string id. */
  numericId(slot: number): number | undefined {
    const id = this.#ids[Math.floor(slot / idChunkSlots)]?.[slot % idChunkSlots]
    return id === undefined || Number.isNaN(id) ? undefined : id
  }

  /** The chunk of numeric ids that starts at slot `index × idChunkSlots`, if any of its ids is a number. */
  idChunk(index: number): Float64Array | undefined {
    return this.#ids[index]
  }

  /** Puts back a chunk from a snapshot. */
  setIdChunk(index: number, chunk: Float64Array): void {
    this.#ids[index] = chunk
  }

  get bytes(): number {
    const chunks = this.#ids.reduce((count, chunk) => count + (chunk === undefined ? 0 : 1), 0)
    return this.live.words.byteLength + chunks * idChunkSlots * 8
  }
}
