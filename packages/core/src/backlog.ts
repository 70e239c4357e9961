// Lets writers wait while too much waits to be indexed.
import { nowMs } from './clock.js'

/** As long after a search, writers wait for all but so many slots to be linked: searches scan them. */
const searchedMs = 100
const searchedBacklogMax = 128

export class Backlog {
  readonly #max: number
  #waiters: (() => void)[] = []
  #searchedAt = Number.NEGATIVE_INFINITY

  constructor(max: number) {
    this.#max = max
  }

  /** Takes note of a search. */
  searched(): void {
    this.#searchedAt = nowMs()
  }

  /** Whether there were searches lately: what the index lacks costs each of them. */
  get isSearched(): boolean {
    return nowMs() - this.#searchedAt < searchedMs
  }

  /** Whether `slots` wait and are too many for a group of `added` more; `hasGraph` if searches use one. */
  isFull(slots: number, added: number, hasGraph: boolean): boolean {
    if (added === 0 || slots === 0) return false
    if (slots > this.#max) return true
    return hasGraph && this.isSearched && slots + added > searchedBacklogMax
  }

  /** Resolves at the next call of `admit`. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  /** Lets those who wait look again. */
  admit(): void {
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
