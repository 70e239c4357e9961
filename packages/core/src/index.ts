export { AbortError, AnnulusError, type ErrorCode, type Metric } from '@annulus/native'
export type { BackupOptions, BackupProgress, BackupReport } from './backup.js'
export type { CalibratedBeam, Calibration, RecallTable } from './calibration.js'
export { type Answer, Collection, type CountOptions, type PointsOptions } from './collection.js'
export type { Damage } from './damage.js'
export { type CollectionInfo, Database, open } from './database.js'
export type { Drift } from './drift.js'
export type {
  CollectionEvents,
  DatabaseEvents,
  IndexedCollection,
  IndexingProgress,
} from './events.js'
export type { FieldCondition, FieldRange, Filter, FilterValue } from './filter.js'
export type { PointId } from './ids.js'
export { limits } from './limits.js'
export type {
  CollectionOptions,
  CollectionSchema,
  CollectionTuning,
  DatabaseOptions,
  Durability,
  GraphOptions,
  Rescore,
  SignalOptions,
} from './options.js'
export type { Strategy } from './planner.js'
export type { ReadOptions } from './point-reading.js'
export type { Point, PointInput } from './points.js'
export { type RepairOptions, type RepairReport, repair } from './repair.js'
export type { SearchOptions } from './search-options.js'
export type { Hit, SearchDiagnostics } from './search-results.js'
export type { CollectionStats, DatabaseStats } from './stats.js'
export type { VectorInput } from './vectors.js'
export type { VerifyProgress, VerifyReport } from './verify.js'
export type { VerifyOptions } from './verify-database.js'
export type { WriteCounts } from './write-plan.js'
