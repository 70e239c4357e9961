import type { StorageFactory } from '@annulus/storage'
import { mmapStorage } from '@annulus/storage-mmap'
import { isSupported, uringStorage } from '@annulus/storage-uring'

/** Which backend suits this machine, and why. */
export interface StorageChoice {
  readonly name: 'io_uring' | 'mmap'
  readonly reason: string
}

/** io_uring where a ring can be set up (decided by trying, once per call), mmap elsewhere. */
export function chooseStorage(): StorageChoice {
  const uring = isSupported()
  return uring.supported
    ? { name: 'io_uring', reason: 'io_uring works on this machine' }
    : { name: 'mmap', reason: `io_uring is not available: ${uring.reason ?? 'unknown reason'}` }
}

/** The storage of {@link chooseStorage}; the default of `open`. */
export function autoStorage(): StorageFactory {
  return chooseStorage().name === 'io_uring' ? uringStorage() : mmapStorage()
}

/** A backend by the name users type. */
export function storageByName(name: 'auto' | 'io_uring' | 'mmap'): StorageFactory {
  if (name === 'auto') return autoStorage()
  return name === 'io_uring' ? uringStorage() : mmapStorage()
}
