// Whether the page cache can hold the vectors, where filling it is not the user's choice.
import { availableMemory } from '@annulus/native'

/** The page cache is the better place for vectors that fill at most this share of the free memory. */
const cachedShare = 0.5

/**
 * Vectors that fit in memory with room to spare are brought into the page cache, where a second read
 * costs no disk; more than that would only push each other (and everything else) out of it.
 */
export function fitsInCache(slots: number, dimension: number): boolean {
  return slots * dimension * 4 <= cachedShare * availableMemory()
}

/** Decides again whenever a storage has grown by a quarter. */
export class Growth {
  #judgedSlots: number

  constructor(slots: number) {
    this.#judgedSlots = slots
  }

  /** Whether it is time to decide again. */
  isDue(slots: number): boolean {
    if (slots < this.#judgedSlots * 1.25) return false
    this.#judgedSlots = slots
    return true
  }
}
