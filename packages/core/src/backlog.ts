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

  /** Takes note of a search that scans what is not linked. */
  searched(): void {
    this.#searchedAt = nowMs()
  }

  /** Whether `slots` that wait are too many for another group; `hasGraph` if searches use one. */
  isFull(slots: number, hasGraph: boolean): boolean {
    if (slots > this.#max) return true
    return hasGraph && slots > searchedBacklogMax && nowMs() - this.#searchedAt < searchedMs
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
