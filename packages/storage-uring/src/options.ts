import { AnnulusError } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import { checkInteger, checkOptions } from '@annulus/storage'

/** Switches of the engine, for measuring what each is worth. The defaults are what measured best. */
export interface UringTuning {
  /** SINGLE_ISSUER, DEFER_TASKRUN and COOP_TASKRUN where the kernel has them; default true. */
  readonly taskrun?: boolean | undefined
  /** Register segment files with the ring; default true. */
  readonly registeredFiles?: boolean | undefined
  /** Register the read buffers with the ring where the memlock limit allows; default true. */
  readonly registeredBuffers?: boolean | undefined
  /** Share one read between concurrent calls that want the same slot; default true. */
  readonly joinReads?: boolean | undefined
  /** Bytes between two vectors that are read along rather than apart; default 4096. */
  readonly mergeGap?: number | undefined
}

export interface UringStorageOptions {
  /** Reads in flight at once, of all calls together, 1 to 4096; default 256. */
  readonly queueDepth?: number | undefined
  /**
   * Whether reads bypass the page cache (O_DIRECT). `true` demands it, never looks into the cache, and
   * fails with `ANNULUS_UNSUPPORTED` where the file system cannot. With `'auto'` (default) vectors in
   * the page cache are scored there, and the rest is read past it, but not where the file system would
   * then read more than a buffered read. While the vectors fill at most half of the memory that is free
   * (looked at again as they grow) and searches do not find that the cache fails to hold them, the
   * surroundings of what was missing are read ahead into it. `false` scores in the page cache, too,
   * and reads every vector through it.
   */
  readonly direct?: boolean | 'auto' | undefined
  /**
   * Memory, in bytes, for vectors that were read past the page cache, so that those wanted often are
   * not read again; default 0. Rounded up to whole MiB.
   */
  readonly cacheBytes?: number | undefined
  /** Upper bound of a segment file in bytes; default 256 MiB, at most 1 GiB. Fixed at creation. */
  readonly segmentBytesMax?: number | undefined
  /** Threads that read where no ring is allowed, 1 to 256; default 8. */
  readonly fallbackThreads?: number | undefined
  /** The file operations that writing goes through; default `nodeFileOps`. */
  readonly files?: FileOps | undefined
  readonly tuning?: UringTuning | undefined
}

export interface Settings {
  readonly queueDepth: number
  readonly direct: number
  readonly fallbackThreads: number
  readonly joinReads: boolean
  readonly mergeGap: number
  readonly taskrun: boolean
  readonly registeredFiles: boolean
  readonly registeredBuffers: boolean
  readonly cacheMiB: number
  readonly segmentBytesMax: number | undefined
  readonly files: FileOps | undefined
}

const optionNames = [
  'queueDepth',
  'direct',
  'cacheBytes',
  'segmentBytesMax',
  'fallbackThreads',
  'files',
  'tuning',
]
const tuningNames = ['taskrun', 'registeredFiles', 'registeredBuffers', 'joinReads', 'mergeGap']

function checkDirect(direct: unknown): number {
  if (direct === false) return 0
  if (direct === true) return 1
  if (direct === 'auto') return 2
  throw new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `direct must be true, false or 'auto', not ${String(direct)}`,
    { details: { argument: 'direct', value: direct } },
  )
}

function checkSwitch(what: string, value: unknown, preset: boolean): boolean {
  if (value === undefined) return preset
  if (typeof value === 'boolean') return value
  throw new AnnulusError(
    'ANNULUS_INVALID_ARGUMENT',
    `${what} must be true or false, not ${String(value)}`,
    { details: { argument: what, value } },
  )
}

/** Checks the options and fills in the defaults. */
export function settingsOf(options: UringStorageOptions): Settings {
  checkOptions('uringStorage', options, optionNames)
  const tuning = options.tuning ?? {}
  const cacheBytes = checkInteger('cacheBytes', options.cacheBytes ?? 0, 0, 2 ** 40)
  checkOptions('uringStorage tuning', tuning, tuningNames)
  return {
    queueDepth: checkInteger('queueDepth', options.queueDepth ?? 256, 1, 4096),
    direct: checkDirect(options.direct ?? 'auto'),
    cacheMiB: Math.ceil(cacheBytes / 2 ** 20),
    fallbackThreads: checkInteger('fallbackThreads', options.fallbackThreads ?? 8, 1, 256),
    joinReads: checkSwitch('joinReads', tuning.joinReads, true),
    mergeGap: checkInteger('mergeGap', tuning.mergeGap ?? 4096, 0, 1024 * 1024),
    taskrun: checkSwitch('taskrun', tuning.taskrun, true),
    registeredFiles: checkSwitch('registeredFiles', tuning.registeredFiles, true),
    registeredBuffers: checkSwitch('registeredBuffers', tuning.registeredBuffers, true),
    segmentBytesMax: options.segmentBytesMax,
    files: options.files,
  }
}
