// Numbers of a collection and of a database, for people and for monitoring.
import type { QuantizerSettings } from '@annulus/quantization'
import type { StorageStats } from '@annulus/storage'
import type { Calibration } from './calibration.js'
import type { Durability } from './options.js'

/** Counters of searches since the collection was opened. */
export interface SearchCounters {
  count: number
  inFlight: number
  reads: number
  retries: number
  slow: number
}

export interface CollectionStats {
  readonly name: string
  /** Points that can be found. */
  readonly points: number
  /** Places for points: those in use, those that are free, and those of removed points that are not yet. */
  readonly slots: number
  readonly freeSlots: number
  /** Bytes of memory, by part. */
  readonly memory: {
    readonly codes: number
    readonly graph: number
    /** Live bitmap, numeric ids, and hashes of all ids (9 to 15 bytes a slot). */
    readonly slots: number
    /** Decoded payloads and ids, by estimate. */
    readonly payloads: number
    readonly filters: number
    /** What the collection may take at most; undefined without a budget. */
    readonly budget: number | undefined
    /** What the slots there are need at most once they are indexed, full caches included. */
    readonly needed: number
  }
  readonly storage: StorageStats
  readonly index: {
    readonly state: 'idle' | 'working' | 'failed'
    /** Kind of the codes; undefined while the collection has none. */
    readonly codes: string | undefined
    /** Settings of codes that `auto()` picked, and why; undefined where the user chose. */
    readonly settings: QuantizerSettings | undefined
    readonly reason: string | undefined
    readonly encoded: number
    /** Codes in memory: fewer than there are while those of a large collection are read after opening. */
    readonly loaded: number
    readonly linked: number
    /** Slots that wait for codes or links. */
    readonly backlog: number
  }
  /** How wide a beam finds how much, which `targetRecall` goes by; undefined until it is measured. */
  readonly calibration: Calibration | undefined
  readonly searches: {
    readonly count: number
    readonly inFlight: number
    /** Original vectors read for them. */
    readonly reads: number
    readonly readsPerSearch: number
    readonly retries: number
    readonly slow: number
  }
  readonly payloadCache: { readonly hits: number; readonly misses: number }
  readonly writes: { readonly commits: number; readonly queued: number; readonly sequence: number }
}

export interface DatabaseStats {
  /** Name of the storage factory. */
  readonly storage: string
  readonly threads: number
  readonly durability: Durability
  /** The collections that are open. */
  readonly collections: readonly CollectionStats[]
}
