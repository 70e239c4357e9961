// Sets of slots as bitmaps: what native code takes as `allowed`.

/** A growable set of slots, one bit each, bit `slot & 31` of word `slot >> 5`. */
export class SlotSet {
  #words: Uint32Array
  #size = 0

  constructor(slots = 0) {
    this.#words = new Uint32Array(Math.max(1, Math.ceil(slots / 32)))
  }

  /** A set over existing words, which it takes over. */
  static from(words: Uint32Array): SlotSet {
    const set = new SlotSet()
    set.#words = words.length === 0 ? new Uint32Array(1) : words
    set.#size = countBits(set.#words)
    return set
  }

  /** Number of slots in the set. */
  get size(): number {
    return this.#size
  }

  /** The words themselves, not a copy; longer than needed after growing, replaced when the set grows. */
  get words(): Uint32Array {
    return this.#words
  }

  has(slot: number): boolean {
    const word = this.#words[slot >>> 5]
    return word !== undefined && ((word >>> (slot & 31)) & 1) === 1
  }

  /** Whether all of `count` slots, from place `from` of the array on, are in the set. */
  hasAll(slots: Uint32Array, from: number, count: number): boolean {
    for (let at = from; at < from + count; at++) if (!this.has(slots[at] ?? 0)) return false
    return true
  }

  add(slot: number): void {
    const index = slot >>> 5
    if (index >= this.#words.length) this.reserve(slot + 1)
    const word = this.#words[index] ?? 0
    const bit = 1 << (slot & 31)
    if ((word & bit) !== 0) return
    this.#words[index] = word | bit
    this.#size++
  }

  delete(slot: number): void {
    const index = slot >>> 5
    const word = this.#words[index]
    const bit = 1 << (slot & 31)
    if (word === undefined || (word & bit) === 0) return
    this.#words[index] = word & ~bit
    this.#size--
  }

  /** Adds the slots of `words`, whose first bit stands for slot `firstWord × 32`. */
  addWords(firstWord: number, words: Uint32Array): void {
    this.reserve((firstWord + words.length) * 32)
    for (let i = 0; i < words.length; i++) {
      const before = this.#words[firstWord + i] ?? 0
      const after = before | (words[i] ?? 0)
      this.#words[firstWord + i] = after
      this.#size += countWord(after) - countWord(before)
    }
  }

  /** Adds the slots in [from, to). */
  addRange(from: number, to: number): void {
    if (from >= to) return
    this.reserve(to)
    for (let index = from >>> 5; index <= (to - 1) >>> 5; index++) {
      const low = index === from >>> 5 ? -1 << (from & 31) : -1
      const high = index === to >>> 5 ? (1 << (to & 31)) - 1 : -1
      const before = this.#words[index] ?? 0
      const after = before | (low & high)
      this.#words[index] = after
      this.#size += countWord(after) - countWord(before)
    }
  }

  /** Takes out the slots from `end` on, and gives back the memory for them. */
  cut(end: number): void {
    this.#words = this.range(0, end).words
    this.#size = countBits(this.#words)
  }

  clear(): void {
    this.#words = new Uint32Array(1)
    this.#size = 0
  }

  /** Makes room for slots below `slots`. */
  reserve(slots: number): void {
    const needed = Math.ceil(slots / 32)
    if (needed <= this.#words.length) return
    const grown = new Uint32Array(Math.max(needed, this.#words.length * 2))
    grown.set(this.#words)
    this.#words = grown
  }

  /** The slots that are in both sets. */
  intersection(other: SlotSet): SlotSet {
    const length = Math.min(this.#words.length, other.#words.length)
    const words = new Uint32Array(length)
    for (let i = 0; i < length; i++) words[i] = (this.#words[i] ?? 0) & (other.#words[i] ?? 0)
    return SlotSet.from(words)
  }

  /** The slots that are in one of both sets. */
  union(other: SlotSet): SlotSet {
    const set = SlotSet.from(this.#words.slice())
    set.addWords(0, other.#words)
    return set
  }

  /** The slots that are not in the other set. */
  without(other: SlotSet): SlotSet {
    const words = this.#words.slice()
    const length = Math.min(words.length, other.#words.length)
    for (let i = 0; i < length; i++) words[i] = (words[i] ?? 0) & ~(other.#words[i] ?? 0)
    return SlotSet.from(words)
  }

  /** The slots of the set that lie in [from, to). */
  range(from: number, to: number): SlotSet {
    if (from >= to) return new SlotSet()
    const words = this.#words.slice(0, Math.ceil(to / 32))
    words.fill(0, 0, from >>> 5)
    words[from >>> 5] = (words[from >>> 5] ?? 0) & (-1 << (from & 31))
    if ((to & 31) !== 0 && to >>> 5 < words.length) {
      words[to >>> 5] = (words[to >>> 5] ?? 0) & ((1 << (to & 31)) - 1)
    }
    return SlotSet.from(words)
  }

  /** Slots in [from, to) that are in the set, ascending, at most `max` of them. */
  slots(from = 0, to = this.#words.length * 32, max = Number.POSITIVE_INFINITY): Uint32Array {
    const end = Math.min(to, this.#words.length * 32)
    const found = new Uint32Array(Math.max(0, Math.min(this.#size, end - from, max)))
    let count = 0
    let slot = from
    while (slot < end && count < found.length) {
      const rest = (this.#words[slot >>> 5] ?? 0) >>> (slot & 31)
      if (rest === 0) {
        slot = (slot | 31) + 1
        continue
      }
      slot += 31 - Math.clz32(rest & -rest)
      if (slot >= end) break
      found[count++] = slot++
    }
    return found.subarray(0, count)
  }

  /** Number of slots of the set in [from, to). */
  count(from: number, to: number): number {
    let total = 0
    const end = Math.min(to, this.#words.length * 32)
    for (let slot = from; slot < end; slot = (slot | 31) + 1) {
      let word = (this.#words[slot >>> 5] ?? 0) >>> (slot & 31)
      const bits = Math.min(32 - (slot & 31), end - slot)
      if (bits < 32) word &= (1 << bits) - 1
      total += countWord(word)
    }
    return total
  }
}

function countBits(words: Uint32Array): number {
  let total = 0
  for (let i = 0; i < words.length; i++) total += countWord(words[i] ?? 0)
  return total
}

function countWord(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24
}
