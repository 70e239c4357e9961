import { setTimeout as delay } from 'node:timers/promises'
import { AnnulusError } from './errors.js'
import { native } from './native.js'

/** A held lock; see {@link lockFile}. */
export interface FileLock {
  readonly path: string
  /** Lets others take the lock; the file stays. Idempotent. */
  release(): void
  [Symbol.dispose](): void
}

const attempts = 5
const pauseMs = 50

/**
 * Takes an exclusive advisory lock on a file, creating the file if it is missing. The lock excludes
 * other processes, worker threads and further locks of this thread alike, and ends with `release()` or
 * the process, however that dies. Keep the object: a collected lock is released.
 *
 * Tries for a quarter of a second, because the kernel may keep a descriptor of a killed process open
 * until its io_uring has been torn down.
 *
 * @throws AnnulusError `ANNULUS_LOCKED` when somebody else holds it (the message names the process),
 *   `ANNULUS_PERMISSION`, `ANNULUS_NOT_FOUND` when the directory is missing, `ANNULUS_IO`.
 */
export async function lockFile(path: string): Promise<FileLock> {
  for (let attempt = 1; ; attempt++) {
    try {
      const lock = new native.FileLock(path)
      const release = () => lock.release()
      return { path, release, [Symbol.dispose]: release }
    } catch (error) {
      const locked = error instanceof AnnulusError && error.code === 'ANNULUS_LOCKED'
      if (!locked || attempt > attempts) throw error
    }
    await delay(pauseMs)
  }
}
