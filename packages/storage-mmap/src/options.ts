import { availableParallelism } from 'node:os'
import { AnnulusError } from '@annulus/native'
import { checkInteger, checkOptions, type FileOps } from '@annulus/storage'

export interface MmapStorageOptions {
  /**
   * Threads that may wait for page faults, at most; started when needed. Default: four for each core,
   * at least 8, at most 16. More only help where `prefetch` cannot.
   */
  readonly threads?: number | undefined
  /**
   * Ask for the missing vectors of a batch together before touching the first; default true. False
   * leaves them to page faults, one at a time.
   */
  readonly prefetch?: boolean | undefined
  /** Upper bound of a segment file in bytes; default 256 MiB, at most 1 GiB. Fixed at creation. */
  readonly segmentBytesMax?: number | undefined
  /** The file operations that writing goes through; default those of Node. */
  readonly files?: FileOps | undefined
}

export interface ResolvedOptions {
  readonly threads: number
  readonly prefetch: boolean
  readonly segmentBytesMax: number | undefined
  readonly files: FileOps | undefined
}

/** Checks the options and fills in what was left out. */
export function resolveOptions(options: MmapStorageOptions): ResolvedOptions {
  checkOptions('mmapStorage', options, ['threads', 'prefetch', 'segmentBytesMax', 'files'])
  const { threads = Math.min(16, Math.max(8, 4 * availableParallelism())), prefetch = true } =
    options
  return {
    threads: checkInteger('threads', threads, 1, 256),
    prefetch: checkBoolean('prefetch', prefetch),
    segmentBytesMax: options.segmentBytesMax,
    files: options.files,
  }
}

function checkBoolean(what: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${what} must be true or false`, {
    details: { argument: what, value },
  })
}
