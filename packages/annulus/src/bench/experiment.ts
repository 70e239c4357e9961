// The experiment of Qdrant's article "Qdrant under the hood: io_uring" on any collection.
import type { Collection, Database, PointId } from '@annulus/core'
import { storageByName } from '../auto-storage.js'
import { open } from '../index.js'
import { type Cost, measure, percentile } from './measure.js'
import { recall } from './recall.js'

export type Backend = 'io_uring' | 'mmap'

export interface ExperimentOptions {
  readonly path: string
  readonly collection: string
  readonly queries: readonly Float32Array[]
  /** Exact neighbours of the first `truth.length` queries; recall is over these. */
  readonly truth: readonly (readonly PointId[])[]
  readonly backends: readonly Backend[]
  readonly oversampling: readonly number[]
  readonly parallel: readonly number[]
  readonly limit: number
  /** Beam width; default: the collection's. */
  readonly ef?: number | undefined
  /** Times each row is run; figures are of the run with the median wall time. */
  readonly repeats: number
  readonly onRow?: (row: ExperimentRow) => void
}

export interface ExperimentRow extends Cost {
  readonly backend: Backend
  readonly oversampling: number
  readonly parallel: number
  readonly queries: number
  readonly qps: number
  readonly latencyMeanMs: number
  readonly latencyP50Ms: number
  readonly latencyP95Ms: number
  readonly latencyP99Ms: number
  readonly readsPerQuery: number
  readonly bytesPerQuery: number
  readonly recall: number
}

/** One row for each backend × oversampling × parallel; the collection is reopened for each backend. */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentRow[]> {
  const rows: ExperimentRow[] = []
  for (const backend of options.backends) {
    const database: Database = await open(options.path, { storage: storageByName(backend) })
    try {
      const collection = await database.collection(options.collection)
      await runQueries(collection, options, options.oversampling[0] ?? 1, 1, 100)
      for (const oversampling of options.oversampling) {
        for (const parallel of options.parallel) {
          const row = await runRow(collection, backend, oversampling, parallel, options)
          rows.push(row)
          options.onRow?.(row)
        }
      }
    } finally {
      await database.close()
    }
  }
  return rows
}

async function runRow(
  collection: Collection,
  backend: Backend,
  oversampling: number,
  parallel: number,
  options: ExperimentOptions,
): Promise<ExperimentRow> {
  const runs: ExperimentRow[] = []
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const before = collection.stats().storage
    let outcome: QueryRun | undefined
    const cost = await measure(
      async () => {
        outcome = await runQueries(
          collection,
          options,
          oversampling,
          parallel,
          options.queries.length,
        )
      },
      () => collection.stats().storage.reads,
    )
    const after = collection.stats().storage
    const { latencies, found } = outcome ?? { latencies: [], found: [] }
    const count = options.queries.length
    const sorted = latencies.toSorted((a, b) => a - b)
    runs.push({
      backend,
      oversampling,
      parallel,
      queries: count,
      ...cost,
      qps: count / cost.seconds,
      latencyMeanMs: latencies.reduce((sum, ms) => sum + ms, 0) / count,
      latencyP50Ms: percentile(sorted, 50),
      latencyP95Ms: percentile(sorted, 95),
      latencyP99Ms: percentile(sorted, 99),
      readsPerQuery: (after.reads - before.reads) / count,
      bytesPerQuery: (after.readBytes - before.readBytes) / count,
      recall: recall(found.slice(0, options.truth.length), options.truth),
    })
  }
  const byTime = runs.toSorted((a, b) => a.seconds - b.seconds)
  const middle = byTime[Math.floor((byTime.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('repeats must be at least 1')
  return middle
}

interface QueryRun {
  readonly latencies: number[]
  readonly found: PointId[][]
}

/** Searches with `parallel` callers, each starting its next query when the last is answered. */
async function runQueries(
  collection: Collection,
  options: ExperimentOptions,
  oversampling: number,
  parallel: number,
  count: number,
): Promise<QueryRun> {
  const latencies: number[] = []
  const found: PointId[][] = []
  const total = Math.min(count, options.queries.length)
  let next = 0
  const caller = async () => {
    while (next < total) {
      const index = next++
      const query = options.queries[index]
      if (query === undefined) return
      const started = performance.now()
      const hits = await collection.search(query, {
        limit: options.limit,
        oversampling,
        ...(options.ef === undefined ? {} : { ef: options.ef }),
      })
      latencies.push(performance.now() - started)
      found[index] = hits.map((hit) => hit.id)
    }
  }
  await Promise.all(Array.from({ length: parallel }, caller))
  return { latencies, found }
}
