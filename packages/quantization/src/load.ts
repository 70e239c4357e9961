import { type Pool, withAbort } from '@annulus/native'
import type { Codes } from './codes.js'
import { native } from './native.js'
import { NativeCodes } from './native-codes.js'
import { rejectUnknown } from './options.js'

export interface LoadOptions {
  /** Threads for encoding and scanning. */
  readonly pool: Pool
  readonly signal?: AbortSignal
  /**
   * Codes that take so many bytes or more are left in the file, for `Codes.load` to read, which has not begun.
   * Until it has ended the codes' scorer reads from the file what it needs and is not in memory yet. Default: none.
   */
  readonly laterFrom?: number
}

/**
 * Reads codes that `Codes.save` wrote, of any kind; later vectors can be appended. Every checksum
 * and every field is checked before anything is used, but for the checksum of codes that are left for later: what a
 * scorer finds then is a guess until `Codes.load` resolves.
 *
 * @throws AnnulusError `ANNULUS_NOT_FOUND`; `ANNULUS_CORRUPT` for any damage; `ANNULUS_VERSION`
 * for an intact file that this version cannot read; `ANNULUS_IO`, `ANNULUS_PERMISSION`.
 */
export async function loadCodes(path: string, options: LoadOptions): Promise<Codes> {
  rejectUnknown('loadCodes', options, ['pool', 'signal', 'laterFrom'])
  const { pool, signal, laterFrom = Number.MAX_SAFE_INTEGER } = options
  const handle = await withAbort(signal, (abort) =>
    native.load(path, pool.handle, laterFrom, abort),
  )
  return new NativeCodes(handle)
}
