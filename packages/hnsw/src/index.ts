export type { CheckReport } from './check-report.js'
export type { GraphStats } from './graph-stats.js'
export {
  HnswIndex,
  type HnswOptions,
  type InsertOptions,
  type LoadOptions,
  type RepairOptions,
  type SearchOptions,
} from './hnsw-index.js'
export type { Pace } from './pieces.js'
export type { InsertProgress } from './progress.js'
export type { RepairReport } from './repair-report.js'
