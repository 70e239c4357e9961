// What a database consists of, checked and opened in the order that a failure undoes.
import { join } from 'node:path'
import { AnnulusError, Pool } from '@annulus/native'
import {
  type FileLock,
  type FileOps,
  makeDurableDirectory,
  nodeFileOps,
  type StorageFactory,
} from '@annulus/storage'
import { checkComplete } from './backup-target.js'
import { Catalog, missing } from './catalog.js'
import { parseDurability } from './durability.js'
import {
  boolean,
  checkNames,
  type DatabaseOptions,
  databaseNames,
  integer,
  invalid,
  share,
  shown,
} from './options.js'
import { releaseAll } from './releasing.js'
import { Store } from './store.js'
import { VectorMemory } from './vector-memory.js'
import { bringIn, Warmth } from './warmth.js'
import { WritePace, writeShareDefault } from './write-pace.js'

export interface DatabaseParts {
  readonly path: string
  readonly files: FileOps
  readonly storage: StorageFactory
  /** None in a database that is only read. */
  readonly lock: FileLock | undefined
  readonly store: Store
  readonly catalog: Catalog
  readonly pool: Pool
  readonly pace: WritePace
  readonly vectorMemory: VectorMemory
  readonly warmth: Warmth
}

/** Throws as `open` says. */
export async function openDatabaseParts(
  path: string,
  options: DatabaseOptions,
): Promise<DatabaseParts> {
  checkNames(options, databaseNames, 'open')
  checkPath(path)
  if (typeof options.storage?.open !== 'function') {
    const given = shown(options.storage)
    throw invalid(`storage must be what mmapStorage() or another makes, not ${given}`, 'storage')
  }
  const threads =
    options.threads === undefined ? undefined : integer(options.threads, 'threads', 1, 256)
  const writeShare = share(options.writeShare ?? writeShareDefault, 'writeShare')
  const durability = parseDurability(options.durability ?? 'sync')
  const files = options.files ?? nodeFileOps
  if ((await files.stat(path))?.directory === false) {
    throw invalid(`${path} is a file, not a directory`, 'path')
  }
  await checkComplete(path, files)
  const readOnly = boolean(options.readOnly ?? false, 'readOnly')
  const file = join(path, 'annulus.mdb')
  if (readOnly && (await files.stat(file)) === undefined) throw missing(path)
  if (!readOnly) await makeDurableDirectory(files, path)
  const lock = readOnly ? undefined : await lockDatabase(path, files)
  const opened: (() => unknown)[] = [() => lock?.release()]
  try {
    const store = await Store.open(file, files, { durability, readOnly })
    opened.unshift(() => store.close())
    const catalog = await Catalog.open(store, files, path)
    if (!readOnly) await files.syncDirectory(path)
    const pool = new Pool(threads)
    const warmth = new Warmth(() => bringIn(pool, files, file))
    const { storage } = options
    const pace = new WritePace(writeShare, pool.threads)
    const vectorMemory = new VectorMemory()
    return { path, files, storage, lock, store, catalog, pool, pace, warmth, vectorMemory }
  } catch (error) {
    // Why it did not open says more than what failed after that.
    await releaseAll(opened).catch(() => undefined)
    throw error
  }
}

async function lockDatabase(path: string, files: FileOps): Promise<FileLock> {
  try {
    return await files.lock(join(path, 'lock'))
  } catch (cause) {
    if (!(cause instanceof AnnulusError) || cause.code !== 'ANNULUS_LOCKED') throw cause
    throw new AnnulusError(
      'ANNULUS_LOCKED',
      `${path} is open for writing already (${cause.message}); share that Database, or read beside it with readOnly`,
      { cause, details: { path } },
    )
  }
}

/** The name of a directory, as far as can be told without looking. */
export function checkPath(path: unknown): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path
  throw invalid('path must be the name of a directory', 'path')
}
