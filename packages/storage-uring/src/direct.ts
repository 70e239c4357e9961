// What free memory says about reading past the page cache, where that is not the user's choice.
import { freemem } from 'node:os'
import { textOf } from './support.js'

/** The page cache is the better place for vectors that fill at most this share of the free memory. */
const cachedShare = 0.5

/** Memory of this process that is not a copy of files, in bytes. */
function ownMemory(): number {
  const kibibytes = /^RssAnon:\s*(\d+) kB$/m.exec(textOf('/proc/self/status') ?? '')?.[1]
  return kibibytes === undefined ? process.memoryUsage.rss() : Number(kibibytes) * 1024
}

/** Memory that files of this process may take up, in bytes: what is free, or what its control group leaves. */
function memoryForFiles(): number {
  const limit = process.constrainedMemory?.() ?? 0
  const unlimited = limit <= 0 || limit > 2 ** 60
  return unlimited ? freemem() : Math.min(freemem(), limit - ownMemory())
}

/**
 * Vectors that fit in memory with room to spare are read through the page cache, where a second read
 * costs no disk; more than that would only push each other (and everything else) out of it, and is
 * read past it.
 */
export function goesPastCache(slots: number, dimension: number): boolean {
  return slots * dimension * 4 > cachedShare * memoryForFiles()
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
