// The collection that is held against the model.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Metric } from '@annulus/native'
import type { StorageFactory } from '@annulus/storage'
import { type Collection, type CollectionOptions, type Database, open } from '../src/index.js'
import { dimension, type Payload } from './model-points.js'

export interface Reopening {
  /** Whether codes are loaded after opening. */
  readonly codesLater: boolean
  /** The byte of the codes' file that is changed before, counted round and round. */
  readonly damage: number | undefined
}

interface Opened {
  readonly db: Database
  readonly collection: Collection<Payload>
}

interface DerivedFiles {
  /** Those that could not be used although nothing was done to them. */
  readonly rebuilt: string[]
  /** Names of those that were damaged. */
  readonly damaged: Set<string>
}

export class Real {
  readonly storage: StorageFactory
  readonly derived: DerivedFiles
  /** Reopening replaces these. */
  path: string
  db: Database
  collection: Collection<Payload>

  private constructor(
    path: string,
    storage: StorageFactory,
    opened: Opened,
    derived: DerivedFiles,
  ) {
    this.path = path
    this.storage = storage
    this.db = opened.db
    this.collection = opened.collection
    this.derived = derived
  }

  static async open(path: string, storage: StorageFactory, metric: Metric): Promise<Real> {
    const derived: DerivedFiles = { rebuilt: [], damaged: new Set() }
    const schema = { dimension, metric, indexedFields: ['color', 'tags'], hnsw: { m: 4 } }
    return new Real(path, storage, await openModel(path, storage, schema, derived), derived)
  }

  async reopen(path: string, { codesLater, damage }: Reopening): Promise<void> {
    if (damage !== undefined) await damageCodes(path, damage, this.derived)
    const options = codesLater ? { codesLaterFromBytes: 0 } : {}
    Object.assign(this, { path, ...(await openModel(path, this.storage, options, this.derived)) })
  }
}

async function openModel(
  path: string,
  storage: StorageFactory,
  options: CollectionOptions,
  { rebuilt, damaged }: DerivedFiles,
): Promise<Opened> {
  const db = await open(path, { storage, threads: 2 })
  // A crash loses no derived file: what was saved is always whole and fits.
  db.on('rebuilt', ({ file, reason }) => {
    if (!damaged.has(basename(file))) rebuilt.push(`${file}: ${reason.message}`)
  })
  // Small bounds make the rare ways common.
  const tuning = { codesFrom: 20, graphFrom: 24, payloadCacheBytes: 4_000, reclaimFrom: 4 }
  return { db, collection: await db.collection<Payload>('model', { ...tuning, ...options }) }
}

/** Changes a byte of the codes of a database that nobody has open. */
async function damageCodes(path: string, at: number, { damaged }: DerivedFiles): Promise<void> {
  const directory = join(path, 'collections', '1')
  for (const name of await readdir(directory)) {
    if (!name.startsWith('codes.')) continue
    const file = join(directory, name)
    const bytes = await readFile(file)
    bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ 64
    await writeFile(file, bytes)
    damaged.add(name)
  }
}
