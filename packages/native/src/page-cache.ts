import { AnnulusError } from './errors.js'
import { native } from './native.js'
import type { Pool } from './pool.js'

/**
 * Lets a file's pages leave the page cache, so that the next reads go to the disk; needs no root. Pages
 * that are dirty or mapped by some process stay: flush and close first. For measurements.
 *
 * @throws AnnulusError `ANNULUS_UNSUPPORTED` outside Linux, `ANNULUS_IO` with the errno.
 */
export function dropPageCache(path: string): void {
  if (process.platform !== 'linux') {
    throw new AnnulusError('ANNULUS_UNSUPPORTED', 'dropping the page cache of a file needs Linux')
  }
  const errno = native.dropPageCache(path)
  if (errno !== 0) {
    throw new AnnulusError(
      'ANNULUS_IO',
      `the page cache of ${path} could not be dropped (errno ${errno})`,
      {
        details: { path, errno },
      },
    )
  }
}

/**
 * Whether all of a file is in the page cache at this moment, found out on the pool: about 15 ns a page.
 *
 * @param readAheadBytes how much of what is missing the system is asked to read by and by, 0 (default) to
 *   2³⁰; Linux. Asked again and again it brings the whole file.
 * @returns false where the system cannot tell: outside Linux and macOS, and for a file that belongs to
 *   another user or does not exist.
 */
export function fileIsResident(pool: Pool, path: string, readAheadBytes = 0): Promise<boolean> {
  return native.fileIsResident(pool.handle, path, readAheadBytes)
}

/**
 * Gives the space of `bytes` bytes of a file from `from` on back to the file system: the file keeps its
 * length, and they read as zeros. Holds the calling thread for about a millisecond for 16 MiB.
 *
 * @returns false where the system or the file system cannot do that.
 */
export function punchHole(path: string, from: number, bytes: number): boolean {
  return native.punchHole(path, from, bytes) === 0
}
