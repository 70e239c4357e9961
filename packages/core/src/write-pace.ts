// Leaves searches that want every core the rest of the machine: writing and indexing pay for the CPU time
// they take with rests, from one account for all collections of a database.
import { setTimeout as delay } from 'node:timers/promises'
import type { Pace } from '@annulus/hnsw'
import { nowMs } from './clock.js'

/** The part of the cores that writing and indexing take, unless a user says otherwise. */
export const writeShareDefault = 0.05

/** So long after one of them, searches are taken to want every core. */
const crowdedMs = 100
/** What was not used within this time is lost: a longer rest before allows no larger burst. */
const savedMs = 20
/** Longest rest at a time: however dear a piece was, work goes on. */
const restMsMax = 1_000
/** Longest time until a look whether there is still a reason to rest. */
const lookMs = 10
/** CPU time of one piece of background work: short ones beside searches, else such as ends soon enough. */
const crowdedPieceMs = 2
const freePieceMs = 50

/** What a pace measures time with; others are for tests. */
export interface PaceClock {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

const systemClock: PaceClock = { now: nowMs, sleep: (ms) => delay(ms) }

/** The account of a database. */
export class WritePace {
  /** Milliseconds of CPU time that one millisecond allows. */
  readonly #rate: number
  readonly #threads: number
  readonly #clock: PaceClock
  #searches = 0
  #crowdedAt = Number.NEGATIVE_INFINITY
  #restUntil = Number.NEGATIVE_INFINITY

  /**
   * @param share the part of all cores that may be taken while searches want them; 1: no rests
   * @param threads searches that run at once
   */
  constructor(share: number, threads: number, clock: PaceClock = systemClock) {
    this.#rate = share < 1 ? share * threads : Number.POSITIVE_INFINITY
    this.#threads = threads
    this.#clock = clock
  }

  /** Takes note of searches that begin. */
  searching(count = 1): void {
    this.#searches += count
    if (this.#isFull) this.#crowdedAt = this.#clock.now()
  }

  /** Takes note of searches that have ended. */
  searched(count = 1): void {
    if (this.#isFull) this.#crowdedAt = this.#clock.now()
    this.#searches -= count
  }

  /** Whether there are searches for every thread now. */
  get #isFull(): boolean {
    return this.#searches >= this.#threads
  }

  /** Whether searches have wanted every core lately. */
  get crowded(): boolean {
    return this.#isFull || this.#clock.now() - this.#crowdedAt < crowdedMs
  }

  get pieceMs(): number {
    return this.crowded ? crowdedPieceMs : freePieceMs
  }

  /** Takes note of CPU time taken on other threads than the event loop's. */
  spend(cpuMs: number): void {
    const now = this.#clock.now()
    const until = Math.max(this.#restUntil, now - savedMs) + cpuMs / this.#rate
    this.#restUntil = Math.min(until, now + restMsMax)
  }

  /** Does a piece of a write that holds the event loop: searches cannot go on without it on any core. */
  hold<T>(work: () => T): T {
    const start = this.#clock.now()
    try {
      return work()
    } finally {
      this.spend((this.#clock.now() - start) * this.#threads)
    }
  }

  /** Resolves once what was spent is paid for, searches no longer want every core, or `isOver`. */
  async rest(isOver: () => boolean = () => false): Promise<void> {
    for (;;) {
      const left = this.#restUntil - this.#clock.now()
      if (left <= 0 || !this.crowded || isOver()) return
      await this.#clock.sleep(Math.min(left, lookMs))
    }
  }
}

/** The same for one collection, which is not held up any more once it closes. */
export class CollectionPace implements Pace {
  readonly #account: WritePace
  #ended = false

  constructor(account: WritePace) {
    this.#account = account
  }

  get pieceMs(): number {
    return this.#ended ? freePieceMs : this.#account.pieceMs
  }

  searching(count?: number): void {
    this.#account.searching(count)
  }

  searched(count?: number): void {
    this.#account.searched(count)
  }

  spend(cpuMs: number): void {
    this.#account.spend(cpuMs)
  }

  hold<T>(work: () => T): T {
    return this.#account.hold(work)
  }

  rest(signal?: AbortSignal): Promise<void> {
    return this.restUnless(() => signal?.aborted === true)
  }

  restUnless(isOver: () => boolean): Promise<void> {
    return this.#account.rest(() => this.#ended || isOver())
  }

  /** The same for work that goes on without rests as soon as `isOver`. */
  unless(isOver: () => boolean): Pace {
    const pace = this
    return {
      get pieceMs() {
        return pace.pieceMs
      },
      spend: (cpuMs) => this.spend(cpuMs),
      rest: (signal) => this.restUnless(() => signal?.aborted === true || isOver()),
    }
  }

  /** No more rests: nobody is to wait for the end longer than need be. */
  end(): void {
    this.#ended = true
  }
}
