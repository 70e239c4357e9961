// When `direct: 'auto'` reads through the page cache and when past it.
import { freemem } from 'node:os'
import type { OpenOptions } from '@annulus/storage'
import type { Settings } from './options.js'

/** The page cache is the better place for vectors that fill at most this share of the free memory. */
const cachedShare = 0.5

const never = 0
const automatic = 2

/** Memory that this process may still use, in bytes: free memory, or what its control group leaves. */
function availableMemory(): number {
  const limit = process.constrainedMemory?.() ?? 0
  const unlimited = limit <= 0 || limit > 2 ** 60
  return unlimited ? freemem() : Math.min(freemem(), limit - process.memoryUsage.rss())
}

/**
 * Settles `direct: 'auto'` for one storage: vectors that fit in memory with room to spare are read
 * through the page cache, where a second read costs no disk; more than that would only push each other
 * (and everything else) out of it, and is read past it.
 */
export function settleDirect(settings: Settings, opening: OpenOptions): Settings {
  if (settings.direct !== automatic) return settings
  const bytes = (opening.slots ?? 0) * opening.dimension * 4
  return bytes <= cachedShare * availableMemory() ? { ...settings, direct: never } : settings
}
