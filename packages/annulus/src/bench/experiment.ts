// The experiment of Qdrant's article "Qdrant under the hood: io_uring" on any collection.
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Collection, Database, PointId } from '@annulus/core'
import { dropPageCache } from '@annulus/native'
import { storageByName } from '../auto-storage.js'
import { open } from '../index.js'
import { type Cost, measure, percentile } from './measure.js'
import { recall } from './recall.js'

export type Backend = 'io_uring' | 'mmap'

/**
 * What of the vectors is in the page cache when a row starts: `cold` nothing, `as-is` whatever there is,
 * `warm` what the same queries have just read.
 */
export type CacheState = 'cold' | 'as-is' | 'warm'

export interface ExperimentOptions {
  readonly path: string
  readonly collection: string
  readonly queries: readonly Float32Array[]
  /** Exact neighbours of the first `truth.length` queries; recall is over these. */
  readonly truth: readonly (readonly PointId[])[]
  readonly backends: readonly Backend[]
  readonly oversampling: readonly number[]
  readonly parallel: readonly number[]
  readonly cache: CacheState
  readonly limit: number
  /** Beam width; default: the collection's. */
  readonly ef?: number | undefined
  /** Times each row is run; `seconds` is their mean, all else is of the run with the median time. */
  readonly repeats: number
  readonly signal?: AbortSignal | undefined
  readonly onRow?: (row: ExperimentRow) => void
}

export interface ExperimentRow extends Cost {
  readonly backend: Backend
  /** Why another backend served the reads, if one did. */
  readonly fallback?: string | undefined
  readonly cache: CacheState
  readonly oversampling: number
  readonly parallel: number
  readonly queries: number
  readonly qps: number
  readonly latencyMeanMs: number
  /** Latency below which 1, 2, … 100 percent of the queries were answered. */
  readonly latencyMs: readonly number[]
  readonly readsPerQuery: number
  readonly readBytes: number
  readonly recall: number
}

/** One row for each backend × oversampling × parallel. */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentRow[]> {
  const rows: ExperimentRow[] = []
  for (const backend of options.backends) {
    await using session = new Session(options, backend)
    for (const oversampling of options.oversampling) {
      for (const parallel of options.parallel) {
        const row = await runRow(session, options, { backend, oversampling, parallel })
        rows.push(row)
        options.onRow?.(row)
      }
    }
  }
  return rows
}

/** The database as one backend sees it, opened anew only where the cache has to be dropped. */
class Session {
  readonly #options: ExperimentOptions
  readonly #backend: Backend
  #database: Database | undefined

  constructor(options: ExperimentOptions, backend: Backend) {
    this.#options = options
    this.#backend = backend
  }

  async collection(): Promise<Collection> {
    const { path, collection, cache } = this.#options
    if (cache === 'cold') {
      await this[Symbol.asyncDispose]()
      await dropVectors(path)
    }
    this.#database ??= await open(path, { storage: storageByName(this.#backend) })
    return this.#database.collection(collection)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database?.close()
    this.#database = undefined
  }
}

interface Variant {
  readonly backend: Backend
  readonly oversampling: number
  readonly parallel: number
}

async function runRow(
  session: Session,
  options: ExperimentOptions,
  variant: Variant,
): Promise<ExperimentRow> {
  const runs: ExperimentRow[] = []
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const collection = await session.collection()
    // Large codes are still being read.
    await collection.waitForIndex()
    const warming = options.cache === 'warm' ? options.queries.length : 0
    await runQueries(collection, options, variant, warming)
    runs.push(await runOnce(collection, options, variant))
  }
  const byTime = runs.toSorted((a, b) => a.seconds - b.seconds)
  const middle = byTime[Math.floor((byTime.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('repeats must be at least 1')
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0) / runs.length
  return { ...middle, seconds, qps: middle.queries / seconds }
}

async function runOnce(
  collection: Collection,
  options: ExperimentOptions,
  variant: Variant,
): Promise<ExperimentRow> {
  const count = options.queries.length
  const before = collection.stats().storage
  let run: QueryRun = { latencies: [], found: [] }
  const cost = await measure(
    async () => {
      run = await runQueries(collection, options, variant, count)
    },
    () => collection.stats().storage.reads,
  )
  const after = collection.stats().storage
  const sorted = run.latencies.toSorted((a, b) => a - b)
  return {
    ...variant,
    ...cost,
    cache: options.cache,
    fallback: after.fallback,
    queries: count,
    qps: count / cost.seconds,
    latencyMeanMs: sorted.reduce((sum, ms) => sum + ms, 0) / count,
    latencyMs: Array.from({ length: 100 }, (_, i) => percentile(sorted, i + 1)),
    readsPerQuery: (after.reads - before.reads) / count,
    readBytes: after.readBytes - before.readBytes,
    recall: recall(run.found.slice(0, options.truth.length), options.truth),
  }
}

/** Drops the vector files of a closed database from the page cache. */
async function dropVectors(path: string): Promise<void> {
  const names = await readdir(path, { recursive: true })
  for (const name of names.filter((file) => file.endsWith('.seg'))) dropPageCache(join(path, name))
}

interface QueryRun {
  readonly latencies: number[]
  readonly found: PointId[][]
}

/** Searches with `parallel` callers, each starting its next query when the last is answered. */
async function runQueries(
  collection: Collection,
  options: ExperimentOptions,
  { oversampling, parallel }: Variant,
  count: number,
): Promise<QueryRun> {
  const latencies: number[] = []
  const found: PointId[][] = []
  let next = 0
  const caller = async () => {
    while (next < count) {
      options.signal?.throwIfAborted()
      const index = next++
      const query = options.queries[index]
      if (query === undefined) return
      const started = performance.now()
      const hits = await collection.search(query, {
        limit: options.limit,
        oversampling,
        // The article's experiment reads every candidate.
        rescore: true,
        ...(options.ef === undefined ? {} : { ef: options.ef }),
      })
      latencies.push(performance.now() - started)
      found[index] = hits.map((hit) => hit.id)
    }
  }
  await Promise.all(Array.from({ length: parallel }, caller))
  return { latencies, found }
}
