// How much memory this process can still take, for what decides by it.
import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'

/** Memory of this process that is not a copy of files, in bytes. */
function ownMemory(): number {
  const kibibytes = /^RssAnon:\s*(\d+) kB$/m.exec(status())?.[1]
  return kibibytes === undefined ? process.memoryUsage.rss() : Number(kibibytes) * 1024
}

function status(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return '' // not Linux, or hidden from us
  }
}

/** Bytes that are free, or that the control group of this process leaves it, page cache not counted as taken. */
export function availableMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0
  const unlimited = limit <= 0 || limit > 2 ** 60
  return unlimited ? freemem() : Math.max(0, Math.min(freemem(), limit - ownMemory()))
}
