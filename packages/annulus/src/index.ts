import { type Database, type DatabaseOptions, open as openWith } from '@annulus/core'
import { autoStorage } from './auto-storage.js'

export * from '@annulus/core'
export { auto, binary, none, product, rotated, scalar } from '@annulus/quantization'
export type { StorageFactory, VectorStorage } from '@annulus/storage'
export { mmapStorage } from '@annulus/storage-mmap'
export { isSupported as isUringSupported, uringStorage } from '@annulus/storage-uring'
export { autoStorage, chooseStorage, type StorageChoice, storageByName } from './auto-storage.js'
export {
  type DataSet,
  type ImportedRow,
  openDataSet,
  readVectors,
  type VectorFormat,
} from './import/index.js'

/** Options of {@link open}: those of the core, with the storage optional. */
export type OpenDatabaseOptions = Omit<DatabaseOptions, 'storage'> &
  Partial<Pick<DatabaseOptions, 'storage'>>

/**
 * Opens (or creates) the database in directory `path`, on io_uring where it works and on mmap elsewhere
 * unless `storage` says otherwise.
 *
 * @throws AnnulusError `ANNULUS_LOCKED` when another process has it open, `ANNULUS_PERMISSION`,
 *   `ANNULUS_INVALID_ARGUMENT` when the path is a file, `ANNULUS_UNKNOWN_OPTION`.
 */
export function open(path: string, options: OpenDatabaseOptions = {}): Promise<Database> {
  // Refused there, as anything is that should be an object.
  if (typeof options !== 'object' || options === null) return openWith(path, options)
  return openWith(path, { ...options, storage: options.storage ?? autoStorage() })
}
