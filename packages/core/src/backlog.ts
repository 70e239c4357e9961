// Lets writers wait while too much waits to be indexed.
import { nowMs } from './clock.js'

/** During searches and as long after one, writers wait for all but so many slots to be linked: searches scan them. */
const searchedMs = 100
const searchedBacklogMax = 128

export class Backlog {
  readonly #max: number
  #waiters: (() => void)[] = []
  #searches = 0
  #searchedAt = Number.NEGATIVE_INFINITY

  constructor(max: number) {
    this.#max = max
  }

  /** Takes note of searches that begin. */
  searching(count: number): void {
    this.#searches += count
  }

  /** Takes note of searches that have ended. */
  searched(count: number): void {
    this.#searches -= count
    this.#searchedAt = nowMs()
  }

  /** Whether there are searches, or were lately: what the index lacks costs each of them. */
  get isSearched(): boolean {
    return this.#searches > 0 || nowMs() - this.#searchedAt < searchedMs
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
