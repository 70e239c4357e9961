// Whether all of LMDB's file is in memory, so that reading it on the event loop waits for no disk.
//
// Only what was looked at off the event loop counts: a read there that has to wait says so too late.
// Where the file is not wholly in memory, records are prefetched on another thread before they are
// read, which costs about 20 µs of event-loop time. There are no timers: who wants to read asks, and
// the answer is that of the last look, which is renewed behind the asker's back.

import { nowMs } from './clock.js'

/** An answer is renewed when it is older than this... */
const renewMs = 100
/** ...and this many times as old as it took to find, so that looking takes one thread's 2 % at most. */
const renewFactor = 50
/** It counts for so many times that long. */
const trustFactor = 3

export class Warmth {
  readonly #isResident: () => Promise<boolean>
  readonly #now: () => number
  #resident = false
  #since = Number.NEGATIVE_INFINITY
  #renewAfter = renewMs
  #looking: Promise<void> | undefined

  /** @param isResident looks, off the event loop */
  constructor(isResident: () => Promise<boolean>, now: () => number = nowMs) {
    this.#isResident = isResident
    this.#now = now
  }

  /** Whether the file was wholly in memory a moment ago. */
  get warm(): boolean {
    const age = this.#now() - this.#since
    if (age > this.#renewAfter) this.#looking ??= this.#look()
    return this.#resident && age <= trustFactor * this.#renewAfter
  }

  /** Resolves when no look is under way. */
  async settled(): Promise<void> {
    await this.#looking
  }

  async #look(): Promise<void> {
    const start = this.#now()
    try {
      this.#resident = await this.#isResident()
    } catch {
      this.#resident = false
    }
    // As old as its first page's answer.
    this.#since = start
    this.#renewAfter = Math.max(renewMs, renewFactor * (this.#now() - start))
    this.#looking = undefined
  }
}
