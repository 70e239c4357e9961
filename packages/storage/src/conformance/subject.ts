// What the author of a backend hands to the suite.
import type { FileOps } from '../file-ops.js'
import type { StorageFactory } from '../types.js'

/** The part of a test runner that the suite needs; `describe` and `it` of vitest or node:test fit. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: (name: string, body: () => Promise<void>) => unknown
}

/**
 * What a storage can do beyond the contract. This manifest is the only way to skip a test, and what
 * it denies is checked too, where that is possible.
 */
export interface Capabilities {
  /** What was written is there again after close and open of the same path with the same factory. */
  readonly persistent: boolean
  /** A second open of a path that is open rejects with `ANNULUS_LOCKED`. */
  readonly exclusive: boolean
  /** Vectors lie in segment files of file format 1, and every read checks their checksums. */
  readonly checksums: boolean
  /** The factory does its file operations through `FactoryOptions.files`. */
  readonly faults: boolean
  /** `reader()` gives a native reader table. */
  readonly nativeReader: boolean
}

export const capabilityNames: readonly (keyof Capabilities)[] = [
  'persistent',
  'exclusive',
  'checksums',
  'faults',
  'nativeReader',
]

/** Settings the suite makes; a factory without segments or files ignores them. */
export interface FactoryOptions {
  /** Upper bound of a segment file, small so that a few vectors fill several. */
  readonly segmentBytesMax?: number
  /** File operations that fail on purpose. Given only if `capabilities.faults`. */
  readonly files?: FileOps
}

export interface StorageSubject {
  readonly name: string
  /** Makes a new factory. Paths are names of directories that do not exist yet. */
  readonly storage: (options: FactoryOptions) => StorageFactory
  readonly capabilities: Capabilities
  /** Runs of each property; default 20. */
  readonly runs?: number
  /** Seed of the properties; default 1, so that a failure is the same everywhere. */
  readonly seed?: number
}
