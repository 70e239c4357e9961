export { fileError, type FileOperation } from './file-error.js'
export {
  type FileLock,
  type FileOps,
  type OpenFile,
  type OpenMode,
  readFully,
  writeFully,
} from './file-ops.js'
export { layoutOf, strideOf } from './layout.js'
export { nodeFileOps } from './node-file-ops.js'
export { openSegmentStore } from './segment-store.js'
export type { Segment, SegmentLayout, SegmentStore, SegmentStoreOptions } from './segments.js'
export type {
  OpenOptions,
  ReadOptions,
  StorageFactory,
  StorageStats,
  VectorStorage,
} from './types.js'
