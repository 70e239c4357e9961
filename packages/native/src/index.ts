export { withAbort } from './abort.js'
export { type AddonBase, type Handle, loadAddon } from './addon.js'
export type { Candidates } from './candidates.js'
export { AbortError, AnnulusError, type ErrorCode, type ErrorOptions } from './errors.js'
export { type FileLock, lockFile } from './file-lock.js'
export { releaseHandle } from './handles.js'
export { availableMemory } from './memory.js'
export { distanceOf, type Metric, metricNumber, metrics, scoreOf } from './metric.js'
export type {
  PoolHandle,
  ReaderHandle,
  ReleasableHandle,
  ScorerHandle,
  SourceHandle,
} from './native.js'
export { checkOptions } from './options.js'
export { dropPageCache, fileIsResident, punchHole } from './page-cache.js'
export { Pool } from './pool.js'
export { type Found, PreparedSearch, type Receiver } from './prepared-search.js'
export {
  type CandidateReads,
  likelyDistances,
  nextReads,
  type ReadPlan,
  type RescoreRule,
} from './read-plan.js'
export { writeScattered } from './scattered-write.js'
export {
  type CandidateSource,
  type PipelineOptions,
  type PipelineResult,
  pipelineSearch,
  pipelineSearchMany,
} from './search.js'
export {
  checksumVectors,
  crc32c,
  type DistanceOptions,
  distances,
  type ValidateOptions,
  type VectorFault,
  validateVectors,
} from './vectors.js'
