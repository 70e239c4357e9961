// A small collection whose rare ways are common: tiny segments, codes and graph from a few points on.
import { type Collection, type Database, open } from '@annulus/core'
import { AnnulusError } from '@annulus/native'
import { type FileOps, preadStorage, type StorageFactory } from '@annulus/storage'
import { mmapStorage } from '@annulus/storage-mmap'
import { uringStorage } from '@annulus/storage-uring'
import { dimension, type Payload } from './points.js'

export const backendNames = ['mmap', 'io_uring', 'pread'] as const
export type BackendName = (typeof backendNames)[number]

/** Room for 128 vectors in a segment. */
const segmentBytesMax = 4096 + 128 * dimension * 4

export function backendNamed(name: string): BackendName {
  const found = backendNames.find((each) => each === name)
  if (found !== undefined) return found
  throw new Error(`there is no backend ${name}; there are ${backendNames.join(', ')}`)
}

export function storageOf(name: BackendName, files?: FileOps): StorageFactory {
  const options = { segmentBytesMax, ...(files && { files }) }
  if (name === 'mmap') return mmapStorage(options)
  return name === 'pread' ? preadStorage(options) : uringStorage({ ...options, queueDepth: 8 })
}

export interface Site {
  readonly db: Database
  readonly collection: Collection<Payload>
}

export interface SiteOptions {
  readonly path: string
  readonly storage: StorageFactory
  readonly files?: FileOps
  /** Points from which on there are codes, and a graph from twice as many; default 20. */
  readonly codesFrom?: number
  /** Derived files that could not be used. */
  readonly onRebuilt?: (reason: string) => void
}

const schema = {
  dimension,
  metric: 'euclidean',
  indexedFields: ['color'],
  hnsw: { m: 4, efConstruct: 16 },
} as const
const tuning = { backlogMax: 100, payloadCacheBytes: 4_000 }

export async function openSite(options: SiteOptions): Promise<Site> {
  const { path, storage, files, codesFrom = 20 } = options
  // Writers that rest beside searches would hardly come to anything before they are struck.
  const db = await open(path, { storage, threads: 1, writeShare: 1, ...(files && { files }) })
  try {
    db.on('rebuilt', ({ file, reason }) => options.onRebuilt?.(`${file}: ${reason.message}`))
    db.on('backgroundError', (error) => options.onRebuilt?.(`background: ${error.message}`))
    const graphFrom = 2 * codesFrom
    const all = { ...schema, ...tuning, codesFrom, graphFrom }
    return { db, collection: await db.collection<Payload>('points', all) }
  } catch (error) {
    await db.close()
    throw error
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof AnnulusError ? error.code : undefined
}
