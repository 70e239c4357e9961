export type { Segment, SegmentLayout, SegmentStore, SegmentStoreOptions } from './segments.js'
export type {
  OpenOptions,
  ReadOptions,
  StorageFactory,
  StorageStats,
  VectorStorage,
} from './types.js'
