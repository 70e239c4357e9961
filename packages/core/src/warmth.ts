// Whether all of LMDB's file is in memory, so that reading it on the event loop waits for no disk.
//
// Only what was looked at off the event loop counts: a read there that has to wait says so too late.
// Where the file is not wholly in memory, records are prefetched on another thread before they are
// read, which costs about 20 µs of event-loop time and waits for the disk page by page. So each look
// that finds something missing also has a bounded stretch of it read ahead, if memory is plentiful.
// There are no timers: who wants to read asks, and the answer is that of the last look, which is
// renewed behind the asker's back.

import { availableMemory, fileIsResident, type Pool } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import { nowMs } from './clock.js'

/** An answer is renewed when it is older than this... */
const renewMs = 100
/** ...and this many times as old as it took to find, so that looking takes one thread's 2 % at most. */
const renewFactor = 50
/** It counts for so many times that long. */
const trustFactor = 3

/** A file is brought into memory if it takes this part of what is available at most... */
const memoryShare = 0.25
/** ...so much of it at each look: a moment's work for a disk, in some hundred requests. */
const aheadBytes = 32 << 20

/** Whether a file is wholly in memory; if not, and if it should be, the next stretch of it soon is. */
export async function bringIn(pool: Pool, files: FileOps, path: string): Promise<boolean> {
  if (await fileIsResident(pool, path)) return true
  const size = (await files.stat(path))?.size ?? 0
  return size <= memoryShare * availableMemory() && fileIsResident(pool, path, aheadBytes)
}

export class Warmth {
  readonly #isResident: () => Promise<boolean>
  readonly #now: () => number
  #resident = false
  #since = Number.NEGATIVE_INFINITY
  #renewAfter = renewMs
  #looking: Promise<void> | undefined

  /** @param isResident looks, off the event loop; what it brings in is not to be waited for */
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
