import type { Collection, PointInput } from '@annulus/core'
import { progressBar } from './progress.js'

export interface LoadResult {
  readonly points: number
  readonly writeSeconds: number
  readonly indexSeconds: number
}

const batchPoints = 1_000

/** Upserts all points in batches, then waits until every one is in the graph; shows progress. */
export async function loadPoints(
  collection: Collection,
  points: AsyncIterable<PointInput>,
  total: number,
  options: { quiet?: boolean; signal?: AbortSignal } = {},
): Promise<LoadResult> {
  const started = performance.now()
  const writing = progressBar('writing ', total, 'points', options.quiet)
  let batch: PointInput[] = []
  let written = 0
  const flush = async () => {
    await collection.upsert(batch)
    written += batch.length
    batch = []
    writing.update(written, Math.max(total, written))
  }
  try {
    for await (const point of points) {
      options.signal?.throwIfAborted()
      batch.push(point)
      if (batch.length === batchPoints) await flush()
    }
    if (batch.length > 0) await flush()
  } finally {
    writing.stop()
  }
  const writeSeconds = (performance.now() - started) / 1000
  await waitForIndex(collection, written, options)
  return {
    points: written,
    writeSeconds,
    indexSeconds: (performance.now() - started) / 1000 - writeSeconds,
  }
}

async function waitForIndex(
  collection: Collection,
  total: number,
  options: { quiet?: boolean; signal?: AbortSignal },
): Promise<void> {
  const indexing = progressBar('indexing', total, 'points', options.quiet)
  const onProgress = (progress: { done: number; total: number }) =>
    indexing.update(progress.done, Math.max(total, progress.total))
  collection.on('indexing', onProgress)
  try {
    await collection.waitForIndex(options.signal === undefined ? {} : { signal: options.signal })
  } finally {
    collection.off('indexing', onProgress)
    indexing.stop()
  }
}
