// Options: plain objects, documented defaults, unknown names refused.
import { AnnulusError, checkOptions, type Metric, metrics } from '@annulus/native'
import type { Quantizer } from '@annulus/quantization'
import type { FileOps, StorageFactory } from '@annulus/storage'
import { filterCacheBytes } from './cache-sizes.js'

/**
 * `sync`: a write resolves once it survives power loss. `batched`: it resolves once it can be searched, and
 * is made durable within about {@link batchedMs} ms. `none`: the same, but made durable only when much is
 * waiting, by `flush`, and by `close`.
 */
export type Durability = 'sync' | 'batched' | 'none'

/** Options of `open`. */
export interface DatabaseOptions {
  /** The backend that keeps vectors, for example `memoryStorage()` or what the package `annulus` picks. */
  readonly storage: StorageFactory
  /** Threads for searching and building; default: the cores this process may use. */
  readonly threads?: number
  /**
   * When a write resolves: `sync` (default) once it survives power loss; `batched` once it can be
   * searched, and it survives about a tenth of a second later; `none` the same, but it survives only
   * after `flush` or `close`. See docs/durability.md.
   */
  readonly durability?: Durability
  /**
   * The part of the machine's cores that writing and indexing take while searches want all of them, above 0;
   * default 0.05. Less: searches keep more of their rate, and writes resolve later. 1: writes never rest.
   * Nothing rests while searches leave a core free, and at least a piece of work is done every second.
   */
  readonly writeShare?: number
  /**
   * Read the database as it stands now, beside a process that writes it or alone: later commits are not
   * seen, nothing is created or changed, and writes fail with `ANNULUS_READ_ONLY`. Default false.
   */
  readonly readOnly?: boolean
  /** What core's own files go through, LMDB's excepted; default `nodeFileOps`. For tests. */
  readonly files?: FileOps
}

/** Graph parameters, fixed when a collection is created. */
export interface GraphOptions {
  /** Neighbours of a node on the upper layers, twice as many on the lowest; 4 to 128, default 16. */
  readonly m?: number
  /** Candidates that links are chosen from while building, 1 to 65,536; default 128. */
  readonly efConstruct?: number
}

/** What a collection is created with and keeps; opening an existing one needs none of it. */
export interface CollectionSchema {
  /** Components of each vector, 1 to 65,535. Needed to create a collection. */
  readonly dimension?: number
  /** How nearness is measured; default cosine. */
  readonly metric?: Metric
  /**
   * Codes kept in memory: `scalar()` (default), `rotated()`, `product()`, `binary()`, `none()` or `auto()` of
   * @annulus/quantization, or another package's. Kind and settings are kept; to open a collection
   * with others is refused (`ANNULUS_EXISTS`).
   */
  readonly quantization?: Quantizer
  readonly hnsw?: GraphOptions
  /** Payload fields whose equality filters are answered from an index; others read every payload once. */
  readonly indexedFields?: readonly string[]
}

/** What may differ each time a collection is opened. */
export interface CollectionTuning {
  /** Points from which on codes are trained; below, every search is exact. Default 1,000. */
  readonly codesFrom?: number
  /** Points from which on a graph is built; below, codes are scanned. Default 5,000. */
  readonly graphFrom?: number
  /** Points not yet linked into the graph beyond which upserts wait; default 50,000. */
  readonly backlogMax?: number
  /** Removed points from which on, beside a tenth of all, their space is made free; default 1,000. */
  readonly reclaimFrom?: number
  /**
   * Codes whose file is so large are read into memory after the collection has opened, beside its first searches: the
   * usual ones read from the file the codes they need, all others wait. Default 64 MiB; 0 for all of them.
   */
  readonly codesLaterFromBytes?: number
  /**
   * Bytes that the collection may take in memory: codes, graph, slots, and caches as large as they may become;
   * default: no bound. Writes and rebuilds that would need more are refused (`ANNULUS_MEMORY_BUDGET`), and so is opening.
   */
  readonly memoryBudget?: number
  /** Bytes of decoded payloads and ids kept in memory; default 64 MiB. */
  readonly payloadCacheBytes?: number
  /** Searches slower than this emit `slowSearch`; default 100. */
  readonly slowSearchMs?: number
  /** `rescore` of searches that do not say; default 'bounded'. */
  readonly rescore?: Rescore
  /** `oversampling` of searches that do not say. */
  readonly oversampling?: number
}

export interface CollectionOptions extends CollectionSchema, CollectionTuning {}

/**
 * Which candidates are ranked by their original vectors. `'bounded'` reads them in order of estimate and stops where hardly
 * a result can be expected among the unread (a thousandth of them, or `rescoreLoss`), `true` reads all, `false` none.
 * `'uncertain'` reads only those of which the codes leave uncertain whether they are results: the same results as `'bounded'`,
 * with estimated scores where nothing was read.
 */
export type Rescore = 'bounded' | 'uncertain' | boolean

export type SearchDefaults = 'rescore' | 'oversampling'

export type Tuning = Required<Omit<CollectionTuning, SearchDefaults | 'memoryBudget'>> & {
  readonly memoryBudget: number | undefined
  readonly rescore: Rescore
  readonly oversampling: number | undefined
}

export function rescoring(value: unknown): Rescore {
  if (value === 'bounded' || value === 'uncertain' || typeof value === 'boolean') return value
  throw invalid(
    `rescore must be 'bounded', 'uncertain', true or false, not ${shown(value)}`,
    'rescore',
  )
}

export const databaseNames = [
  'storage',
  'threads',
  'durability',
  'writeShare',
  'readOnly',
  'files',
] as const satisfies readonly (keyof DatabaseOptions)[]

const tuningNames = [
  'codesFrom',
  'graphFrom',
  'backlogMax',
  'reclaimFrom',
  'codesLaterFromBytes',
  'memoryBudget',
  'payloadCacheBytes',
  'slowSearchMs',
  'rescore',
  'oversampling',
] as const satisfies readonly (keyof CollectionTuning)[]

const schemaNames = [
  'dimension',
  'metric',
  'quantization',
  'hnsw',
  'indexedFields',
] as const satisfies readonly (keyof CollectionSchema)[]

export function parseTuning(options: CollectionOptions): Tuning {
  checkNames(options, [...schemaNames, ...tuningNames], 'collection')
  const payloadCacheBytes = integer(options.payloadCacheBytes ?? 64 << 20, 'payloadCacheBytes', 0)
  const codesFrom = integer(options.codesFrom ?? 1_000, 'codesFrom', 1)
  return {
    codesFrom,
    graphFrom: integer(options.graphFrom ?? Math.max(codesFrom, 5_000), 'graphFrom', codesFrom),
    backlogMax: integer(options.backlogMax ?? 50_000, 'backlogMax', 1),
    reclaimFrom: integer(options.reclaimFrom ?? 1_000, 'reclaimFrom', 1),
    codesLaterFromBytes: integer(options.codesLaterFromBytes ?? 64 << 20, 'codesLaterFromBytes', 0),
    memoryBudget: budgetOf(options.memoryBudget, payloadCacheBytes),
    payloadCacheBytes,
    slowSearchMs: finite(options.slowSearchMs ?? 100, 'slowSearchMs', 0),
    rescore: rescoring(options.rescore ?? 'bounded'),
    oversampling:
      options.oversampling === undefined
        ? undefined
        : finite(options.oversampling, 'oversampling', 1),
  }
}

/** Caches may fill up whatever is written, so a budget is for more than them. */
function budgetOf(value: unknown, payloadCacheBytes: number): number | undefined {
  if (value === undefined) return undefined
  const caches = payloadCacheBytes + filterCacheBytes
  const budget = integer(value, 'memoryBudget', 1)
  if (budget > caches) return budget
  throw invalid(
    `memoryBudget must be more than the ${caches} bytes that the caches may take (payloadCacheBytes and ${filterCacheBytes})`,
    'memoryBudget',
  )
}

/** @throws AnnulusError `ANNULUS_UNKNOWN_OPTION` naming the first option that does not exist. */
export function checkNames(options: unknown, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`${where}: expected an object, not ${shown(options)}`, where)
  }
  checkOptions(where, options, known)
}

export function integer(
  value: unknown,
  name: string,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) {
    if (value >= min && value <= max) return value
    if (value > max && value > min) {
      throw new AnnulusError('ANNULUS_LIMIT', `${name} may be at most ${max}, not ${value}`, {
        details: { option: name, limit: max, actual: value },
      })
    }
  }
  throw invalid(`${name} must be an integer of at least ${min}, not ${shown(value)}`, name)
}

export function finite(value: unknown, name: string, min: number): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min) return value
  const bound = min === Number.NEGATIVE_INFINITY ? 'a finite number' : `a number of at least ${min}`
  throw invalid(`${name} must be ${bound}, not ${shown(value)}`, name)
}

/** A part of a whole, above 0. */
export function share(value: unknown, name: string): number {
  if (typeof value === 'number' && value > 0 && value <= 1) return value
  throw invalid(`${name} must be a number above 0 and at most 1, not ${shown(value)}`, name)
}

export function boolean(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw invalid(`${name} must be true or false, not ${shown(value)}`, name)
}

export function metric(value: unknown): Metric {
  const found = metrics.find((each) => each === value)
  if (found !== undefined) return found
  throw invalid(`metric must be one of ${metrics.join(', ')}, not ${shown(value)}`, 'metric')
}

export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw invalid('signal must be an AbortSignal', 'signal')
}

/** Options of calls that can only be aborted. */
export interface SignalOptions {
  readonly signal?: AbortSignal
}

export function signalOf(options: SignalOptions, where: string): AbortSignal | undefined {
  checkNames(options, ['signal'], where)
  return checkSignal(options.signal)
}

/** A value as messages show it: text in quotes, so that '5' does not look like 5. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

export function invalid(message: string, option: string): AnnulusError {
  return new AnnulusError('ANNULUS_INVALID_ARGUMENT', message, { details: { option } })
}
