// A small collection whose rare ways are common: tiny segments, codes and graph from a few points on.
import { type Collection, type Database, open } from '@annulus/core'
import { AnnulusError } from '@annulus/native'
import { none, scalar } from '@annulus/quantization'
import { type FileOps, preadStorage, type StorageFactory } from '@annulus/storage'
import { mmapStorage } from '@annulus/storage-mmap'
import { uringStorage } from '@annulus/storage-uring'
import { large, type Payload, type Shape, small } from './points.js'

export const backendNames = ['mmap', 'io_uring', 'pread'] as const
export type BackendName = (typeof backendNames)[number]

const segmentVectors = 128

export function backendNamed(name: string): BackendName {
  const found = backendNames.find((each) => each === name)
  if (found !== undefined) return found
  throw new Error(`there is no backend ${name}; there are ${backendNames.join(', ')}`)
}

export function storageOf(
  name: BackendName,
  files?: FileOps,
  { dimension }: Shape = small,
): StorageFactory {
  const segmentBytesMax = 4096 + segmentVectors * dimension * 4
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
  /** Default small. */
  readonly shape?: Shape
  /** Whether codes are loaded after opening; default false. */
  readonly codesLater?: boolean
  /** Derived files that could not be used. */
  readonly onRebuilt?: (reason: string) => void
}

const schema = {
  metric: 'euclidean',
  indexedFields: ['color'],
  hnsw: { m: 4, efConstruct: 16 },
} as const
const tuning = { backlogMax: 100, payloadCacheBytes: 4_000 }

export async function openSite(options: SiteOptions): Promise<Site> {
  const { path, storage, files, codesFrom = 20, shape = small } = options
  // Writers that rest beside searches would hardly come to anything before they are struck.
  const db = await open(path, { storage, threads: 1, writeShare: 1, ...(files && { files }) })
  try {
    db.on('rebuilt', ({ file, reason }) => options.onRebuilt?.(`${file}: ${reason.message}`))
    db.on('backgroundError', (error) => options.onRebuilt?.(`background: ${error.message}`))
    const graphFrom = 2 * codesFrom
    const all = {
      ...schema,
      ...tuning,
      dimension: shape.dimension,
      // Of floats, the sketches that scans make differ most.
      quantization: shape === large ? none() : scalar(),
      codesFrom,
      graphFrom,
      ...(options.codesLater === true && { codesLaterFromBytes: 0 }),
    }
    return { db, collection: await db.collection<Payload>('points', all) }
  } catch (error) {
    await db.close()
    throw error
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof AnnulusError ? error.code : undefined
}
