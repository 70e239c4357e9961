// When to prefetch LMDB pages. A prefetch costs more event-loop time (about 20 µs) than reading a few
// records that are in memory, and far less than one page fault. So it is used until a row of probes
// has found every page in memory, and again as soon as one was not.

import { nowMs } from './clock.js'

/** A read that takes longer than this had to wait for the disk. */
const coldMs = 0.05
/** Warm probes in a row after which prefetching stops. */
const warmProbesWanted = 32
const probeIntervalMax = 1_024

interface Access<Key> {
  /** Reads one record on this thread. */
  probe(key: Key): void
  /** Touches the pages of all records on another thread. */
  fetch(keys: readonly Key[]): Promise<void>
}

export class Prefetching {
  readonly #now: () => number
  #active = true
  #warmProbes = 0
  #untilProbe = 1
  #interval = 1

  constructor(now: () => number = nowMs) {
    this.#now = now
  }

  get active(): boolean {
    return this.#active
  }

  /** Prefetches the records of `keys` if the last reads say that this pays. */
  async prefetch<Key>(keys: readonly Key[], access: Access<Key>): Promise<void> {
    const [first] = keys
    if (first === undefined) return
    if (!this.#active) {
      if (this.#isCold(first, access)) this.#restart()
      if (!this.#active) return
    } else if (--this.#untilProbe <= 0) {
      this.#judge(this.#isCold(first, access))
      if (!this.#active) return
    }
    await access.fetch(keys)
  }

  #isCold<Key>(key: Key, access: Access<Key>): boolean {
    const start = this.#now()
    access.probe(key)
    return this.#now() - start > coldMs
  }

  #judge(cold: boolean): void {
    if (cold) this.#restart()
    else if (++this.#warmProbes >= warmProbesWanted) this.#active = false
    this.#untilProbe = this.#interval
  }

  /** Each cold probe made somebody wait, so they become rarer. */
  #restart(): void {
    this.#active = true
    this.#warmProbes = 0
    this.#interval = Math.min(probeIntervalMax, this.#interval * 2)
    this.#untilProbe = this.#interval
  }
}
