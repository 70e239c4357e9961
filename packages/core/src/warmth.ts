// Whether all of LMDB's file is in memory, so that reading it on the event loop waits for no disk.
//
// Only what was looked at off the event loop counts: a read there that has to wait says so too late.
// Where the file is not wholly in memory, records are prefetched on another thread before they are
// read, which costs about 20 µs of event-loop time and a wait for the disk for each page. So a small file is read
// through once when it is found cold. There are no timers: who wants to read asks, and
// the answer is that of the last look, which is renewed behind the asker's back.

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { availableMemory } from '@annulus/native'
import { nowMs } from './clock.js'

/** An answer is renewed when it is older than this... */
const renewMs = 100
/** ...and this many times as old as it took to find, so that looking takes one thread's 2 % at most. */
const renewFactor = 50
/** It counts for so many times that long. */
const trustFactor = 3

/** A file is read through if it takes this part of the memory available at most... */
const memoryShare = 1 / 8
/** ...in pieces of this size. */
const pieceBytes = 1 << 20

/** Brings a file into the page cache, front to back, where memory is plentiful. */
export async function readThrough(path: string, signal: AbortSignal): Promise<void> {
  const { size } = await stat(path)
  if (size > memoryShare * availableMemory()) return
  const stream = createReadStream(path, { highWaterMark: pieceBytes, signal })
  for await (const piece of stream) void piece
}

export class Warmth {
  readonly #isResident: () => Promise<boolean>
  readonly #now: () => number
  #resident = false
  #since = Number.NEGATIVE_INFINITY
  #renewAfter = renewMs
  #looking: Promise<void> | undefined
  readonly #warmUp: ((signal: AbortSignal) => Promise<void>) | undefined
  #warming: Promise<void> | undefined
  readonly #stop = new AbortController()

  /**
   * @param isResident looks, off the event loop
   * @param warmUp brings the file into memory; called once, when it is first found cold
   */
  constructor(
    isResident: () => Promise<boolean>,
    now: () => number = nowMs,
    warmUp?: (signal: AbortSignal) => Promise<void>,
  ) {
    this.#isResident = isResident
    this.#now = now
    this.#warmUp = warmUp
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

  /** Ends the warming up. */
  async close(): Promise<void> {
    this.#stop.abort()
    await this.#looking
    await this.#warming
  }

  async #look(): Promise<void> {
    const start = this.#now()
    try {
      this.#resident = await this.#isResident()
    } catch {
      this.#resident = false
    }
    // A file that cannot be read through is read page by page.
    if (!this.#resident) this.#warming ??= this.#warmUp?.(this.#stop.signal).catch(() => {})
    // As old as its first page's answer.
    this.#since = start
    this.#renewAfter = Math.max(renewMs, renewFactor * (this.#now() - start))
    this.#looking = undefined
  }
}
