// Which live slots may hold a point of an id, in memory: what an answer about an id is held against, for LMDB can lose
// a key to one wrong bit and then says that there is none.
//
// A hash of each slot's id, and a hash table of the live slots with linear probing. Equal hashes are resolved by whoever
// asks: the records have the ids themselves.
import type { PointId } from './ids.js'
import type { SlotSet } from './slot-set.js'

/** Slots whose hashes share one array: growing never copies more than a pointer. */
export const hashChunkSlots = 8_192
const chunkShift = 13
const inChunk = hashChunkSlots - 1
const capacityMin = 64
/** Parts of the table in use at most. */
const loadMax = 0.75
/** Places looked up before the first of them is filled. */
const placedTogether = 64
const places = new Uint32Array(placedTogether)
const found = new Uint32Array(placedTogether)

export class IdIndex {
  readonly #hashes: Uint32Array[] = []
  /** Slot + 1; 0 where there is none. */
  #table = new Uint32Array(capacityMin)
  #size = 0

  /** Adds a live slot, which must not be in the index. */
  add(slot: number, id: PointId): void {
    this.#chunkOf(slot)[slot & inChunk] = hashOf(id)
    if (++this.#size > this.#table.length * loadMax) this.#resize(this.#size)
    this.#place(slot)
  }

  /** Takes out a slot that was added; its hash stays. */
  remove(slot: number): void {
    const mask = this.#table.length - 1
    let hole = this.#hashAt(slot) & mask
    while (this.#table[hole] !== slot + 1) {
      if (this.#table[hole] === 0) return
      hole = (hole + 1) & mask
    }
    this.#size--
    // What comes after the hole moves into it unless it would then stand before its place.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at] ?? 0
      if (entry === 0) break
      const place = this.#hashAt(entry - 1) & mask
      if (((at - place) & mask) < ((at - hole) & mask)) continue
      this.#table[hole] = entry
      hole = at
    }
    this.#table[hole] = 0
  }

  /** Gives back the memory for slots from `end` on, all of which were taken out. */
  cut(end: number): void {
    this.#hashes.length = Math.min(this.#hashes.length, Math.ceil(end / hashChunkSlots))
    this.#resize(this.#size)
  }

  /** Whether the point of a slot may have this id. */
  mayBe(slot: number, id: PointId): boolean {
    return this.#hashAt(slot) === hashOf(id)
  }

  /** Live slots whose points may have this id; nearly always one or none. */
  candidates(id: PointId): number[] {
    const hash = hashOf(id)
    const mask = this.#table.length - 1
    const slots: number[] = []
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const entry = this.#table[at] ?? 0
      if (entry === 0) return slots
      if (this.#hashAt(entry - 1) === hash) slots.push(entry - 1)
    }
  }

  /** Hashes of the slots from `index × hashChunkSlots` on, if any of them ever had a point. */
  chunk(index: number): Uint32Array | undefined {
    return this.#hashes[index]
  }

  /** Puts back a chunk from a snapshot, of whose slots none is in the index; those that live are added. */
  restoreChunk(index: number, chunk: Uint32Array, live: SlotSet): void {
    this.#hashes[index] = chunk
    const first = index * hashChunkSlots
    const slots = live.slots(first, first + hashChunkSlots)
    this.reserve(this.#size + slots.length)
    this.#size += slots.length
    const table = this.#table
    const mask = table.length - 1
    for (let from = 0; from < slots.length; from += placedTogether) {
      const to = Math.min(from + placedTogether, slots.length)
      // Looked at before anything depends on what is there, so that the waits for memory overlap.
      for (let i = from; i < to; i++) {
        const place = (chunk[(slots[i] ?? 0) & inChunk] ?? 0) & mask
        places[i - from] = place
        found[i - from] = table[place] ?? 0
      }
      for (let i = from; i < to; i++) {
        let at = places[i - from] ?? 0
        while (table[at] !== 0) at = (at + 1) & mask
        table[at] = (slots[i] ?? 0) + 1
      }
    }
  }

  /** Makes room for so many live slots. */
  reserve(slots: number): void {
    if (slots > this.#table.length * loadMax) this.#resize(slots)
  }

  get bytes(): number {
    const chunks = this.#hashes.reduce((count) => count + 1, 0)
    return chunks * hashChunkSlots * 4 + this.#table.byteLength
  }

  #hashAt(slot: number): number {
    return this.#hashes[slot >>> chunkShift]?.[slot & inChunk] ?? 0
  }

  #chunkOf(slot: number): Uint32Array {
    const index = slot >>> chunkShift
    const known = this.#hashes[index]
    if (known !== undefined) return known
    const chunk = new Uint32Array(hashChunkSlots)
    this.#hashes[index] = chunk
    return chunk
  }

  #place(slot: number): void {
    const mask = this.#table.length - 1
    let at = this.#hashAt(slot) & mask
    while (this.#table[at] !== 0) at = (at + 1) & mask
    this.#table[at] = slot + 1
  }

  #resize(slots: number): void {
    const old = this.#table
    this.#table = new Uint32Array(capacityFor(slots))
    for (const entry of old) if (entry !== 0) this.#place(entry - 1)
  }
}

/** Bytes at most of an index of so many slots, all of them live. */
export function idIndexBytes(slots: number): number {
  return Math.ceil(slots / hashChunkSlots) * hashChunkSlots * 4 + capacityFor(slots) * 4
}

function capacityFor(slots: number): number {
  let capacity = capacityMin
  while (slots > capacity * loadMax) capacity *= 2
  return capacity
}

const numberWords = new Uint32Array(2)
const numberBits = new Float64Array(numberWords.buffer)

/** 32 bits of an id; a number and the string that reads the same differ. Part of the format of snapshots. */
export function hashOf(id: PointId): number {
  if (typeof id === 'number') {
    numberBits[0] = id === 0 ? 0 : id
    return finished(step(step(0, numberWords[0] ?? 0), numberWords[1] ?? 0))
  }
  let hash = 1
  for (let i = 0; i < id.length; i++) hash = step(hash, id.charCodeAt(i))
  return finished(hash)
}

/** The steps of MurmurHash3 (A. Appleby, 2011), a word of 32 bits or a UTF-16 code unit at a time. */
function step(hash: number, word: number): number {
  const scaled = Math.imul(word, 0xcc9e2d51)
  const mixed = hash ^ Math.imul((scaled << 15) | (scaled >>> 17), 0x1b873593)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function finished(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) >>> 0
}
