import { getSystemErrorName } from 'node:util'
import { native } from './native.js'

/**
 * Takes an exclusive advisory lock on an open file, without waiting. It ends when the descriptor is
 * closed or the process dies, however that happens, and excludes other opens in this process too.
 *
 * @returns undefined when the lock is taken, else the name of the errno; `EAGAIN` when another holds it.
 */
export function lockFile(fd: number): string | undefined {
  const errno = native.lockFile(fd)
  return errno === 0 ? undefined : getSystemErrorName(-errno)
}
