// The parts of a collection without the collection, to be driven by hand.
import { join } from 'node:path'
import { Pool } from '@annulus/native'
import { memoryStorage, nodeFileOps } from '@annulus/storage'
import { afterEach } from 'vitest'
import { type CollectionParts, openParts } from '../src/collection-parts.js'
import { type CollectionOptions, parseTuning } from '../src/options.js'
import { encodeGroup } from '../src/points.js'
import { search } from '../src/search.js'
import { parseSearch, type SearchOptions } from '../src/search-options.js'
import { Store } from '../src/store.js'
import { VectorMemory } from '../src/vector-memory.js'
import { Warmth } from '../src/warmth.js'
import { WritePace } from '../src/write-pace.js'
import { directory, vectors } from './world.js'

export const dimension = 8
export const config = {
  number: 1,
  name: 'c',
  dimension,
  metric: 'euclidean',
  quantization: 'scalar',
  m: 4,
  efConstruct: 32,
  indexedFields: [],
} as const

let cleanup = async () => {}
afterEach(() => cleanup())

/** So many points, all indexed. */
export async function assembled(
  points: number,
  indexedFields: string[] = [],
  tuning: CollectionOptions = {},
): Promise<CollectionParts> {
  const path = await directory()
  const files = nodeFileOps
  const store = await Store.open(join(path, 'annulus.mdb'), files)
  const pool = new Pool(1)
  const warmth = new Warmth(async () => false)
  const storage = memoryStorage()
  const pace = new WritePace(1, pool.threads)
  const vectorMemory = new VectorMemory()
  const place = join(path, 'c')
  const host = { store, files, pool, pace, vectorMemory, warmth, storage, directory: place }
  const parts = await openParts(
    host,
    { ...config, indexedFields },
    {},
    parseTuning({ codesFrom: 50, graphFrom: 50, ...tuning }),
    () => {},
  )
  cleanup = async () => {
    await parts.indexer.close()
    await parts.storage.close()
    await store.close()
    pool.close()
  }
  await write(parts, vectors(points, dimension), 0)
  await parts.indexer.settled()
  return parts
}

/** Writes points, or vectors whose ids count from `firstId`. */
export function write(
  parts: CollectionParts,
  all: readonly (Float32Array | { readonly id: number; readonly vector: Float32Array })[],
  firstId = 0,
): Promise<unknown> {
  const points = all.map((each, index) =>
    each instanceof Float32Array ? { id: firstId + index, vector: each } : each,
  )
  return parts.writer.submit(
    encodeGroup(points, config).then((group) => ({ group })),
    undefined,
  )
}

export async function idsOf(parts: CollectionParts, query: Float32Array, options: SearchOptions) {
  const { hits, diagnostics } = await search(parts.search, query, parseSearch(options))
  return { ids: hits.map(({ id }) => id), strategy: diagnostics.strategy, hits }
}
