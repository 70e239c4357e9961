// A collection of pseudo-random points with codes and a graph, over each backend that there is.
import type { Metric } from '@annulus/native'
import {
  type Collection,
  type Database,
  isUringSupported,
  open,
  type PointInput,
  storageByName,
} from '../src/index.js'

export type Backend = 'mmap' | 'io_uring'
export const backends: readonly Backend[] = isUringSupported().supported
  ? ['mmap', 'io_uring']
  : ['mmap']

export const dimension = 16
/** Far fewer points than the collections here hold. */
export const tuning = { codesFrom: 200, graphFrom: 400 }

/** Pseudo-random (Park & Miller 1988), evenly distributed. */
export function vectors(count: number, seed = 1): Float32Array[] {
  let state = seed
  const next = () => {
    state = (state * 48271) % 2147483647
    return state / 1073741823.5 - 1
  }
  return Array.from({ length: count }, () => Float32Array.from({ length: dimension }, next))
}

export interface Payload {
  n: number
}

export interface Filled {
  readonly database: Database
  readonly collection: Collection<Payload>
}

/** A new database at `path`, in which everything is indexed. */
export async function filled(
  path: string,
  points: readonly PointInput<Payload>[],
  metric: Metric = 'cosine',
  backend: Backend = 'mmap',
): Promise<Filled> {
  const database = await open(path, { storage: storageByName(backend) })
  const collection = await database.collection<Payload>('c', { dimension, metric, ...tuning })
  await collection.upsert(points)
  await collection.waitForIndex()
  return { database, collection }
}
