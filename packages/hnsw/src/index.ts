export type { CheckReport } from './check-report.js'
export type { GraphStats } from './graph-stats.js'
export {
  HnswIndex,
  type HnswOptions,
  type InsertOptions,
  type LoadOptions,
  type SearchOptions,
} from './hnsw-index.js'
export type { InsertProgress } from './progress.js'
