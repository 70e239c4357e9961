// A pace for writers beside searches that wait for one another: time that writes take of the event loop is
// then time that searches miss.
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs } from './clock.js'

/** The part of the event loop's time that writes may take. */
export const writeShare = 1 / 16

/** Longest rest at a time, and longest time until a look whether searches still wait. */
const restMsMax = 1_000
const lookMs = 10

/** What a pace measures time with; others are for tests. */
export interface PaceClock {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

const systemClock: PaceClock = { now: nowMs, sleep: (ms) => delay(ms) }

export class WritePace {
  readonly #isCrowded: () => boolean
  readonly #clock: PaceClock
  #restUntil = Number.NEGATIVE_INFINITY

  /** @param isCrowded whether searches wait for one another now */
  constructor(isCrowded: () => boolean, clock: PaceClock = systemClock) {
    this.#isCrowded = isCrowded
    this.#clock = clock
  }

  /** Does a piece of a write that holds the event loop, for which writers will have to rest. */
  spend<T>(work: () => T): T {
    const start = this.#clock.now()
    try {
      return work()
    } finally {
      const end = this.#clock.now()
      const rested = Math.max(end, this.#restUntil) + (end - start) * (1 / writeShare - 1)
      this.#restUntil = Math.min(rested, end + restMsMax)
    }
  }

  /** Resolves once writers have rested, or searches no longer wait. */
  async rest(): Promise<void> {
    for (;;) {
      const left = this.#restUntil - this.#clock.now()
      if (left <= 0 || !this.#isCrowded()) return
      await this.#clock.sleep(Math.min(left, lookMs))
    }
  }
}
