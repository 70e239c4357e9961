export {
  checkInteger,
  checkOpenOptions,
  checkOptions,
  freshSlots,
  openOptionNames,
  slotsToKeep,
} from './arguments.js'
export { BaseStorage, type BaseStorageOptions } from './base-storage.js'
export { makeDurableDirectory } from './durable-directory.js'
export { type FileOperation, fileError } from './file-error.js'
export {
  type FileLock,
  type FileOps,
  type OpenFile,
  type OpenMode,
  readFully,
  writeFully,
  writeParts,
} from './file-ops.js'
export { layoutOf, strideOf } from './layout.js'
export { type MemoryStorageOptions, memoryStorage } from './memory.js'
export { nodeFileOps } from './node-file-ops.js'
export { type PreadStorageOptions, preadStorage } from './pread.js'
export { openSalvage, Salvage, type SalvageOptions } from './salvage.js'
export { openSegmentStore } from './segment-store.js'
export type { Segment, SegmentLayout, SegmentStore, SegmentStoreOptions } from './segments.js'
export { type SlotRun, slotRuns } from './slot-runs.js'
export type {
  OpenOptions,
  ReadOptions,
  StorageFactory,
  StorageStats,
  VectorStorage,
} from './types.js'
