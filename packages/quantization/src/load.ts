import { type Pool, withAbort } from '@annulus/native'
import type { Codes } from './codes.js'
import { native } from './native.js'
import { NativeCodes } from './native-codes.js'
import { rejectUnknown } from './options.js'

export interface LoadOptions {
  /** Threads for encoding and scanning. */
  readonly pool: Pool
  readonly signal?: AbortSignal
}

/**
 * Reads codes that `Codes.save` wrote, of any kind; later vectors can be appended. Every checksum
 * and every field is checked before anything is used.
 *
 * @throws AnnulusError `ANNULUS_NOT_FOUND`; `ANNULUS_CORRUPT` for any damage; `ANNULUS_VERSION`
 * for an intact file that this version cannot read; `ANNULUS_IO`, `ANNULUS_PERMISSION`.
 */
export async function loadCodes(path: string, options: LoadOptions): Promise<Codes> {
  rejectUnknown('loadCodes', options, ['pool', 'signal'])
  const handle = await withAbort(options.signal, (abort) =>
    native.load(path, options.pool.handle, abort),
  )
  return new NativeCodes(handle)
}
