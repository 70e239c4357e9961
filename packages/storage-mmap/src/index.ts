import type { StorageFactory } from '@annulus/storage'
import { type MmapStorageOptions, resolveOptions } from './options.js'
import { MmapStorage } from './storage.js'

export type { MmapStorageOptions } from './options.js'
export { MmapStorage } from './storage.js'

/**
 * A factory of storages over memory-mapped segment files. Best where the vectors fit in memory or
 * io_uring is not to be had; the files are those of the other backends.
 *
 * @throws AnnulusError `ANNULUS_UNKNOWN_OPTION`, `ANNULUS_INVALID_ARGUMENT`.
 */
export function mmapStorage(options: MmapStorageOptions = {}): StorageFactory {
  const resolved = resolveOptions(options)
  return { name: 'mmap', open: (opening) => MmapStorage.open(opening, resolved) }
}
