// The one LMDB environment of a database: opening, committing, and what its failures mean.
import { AnnulusError } from '@annulus/native'
import { type FileOps, readFully } from '@annulus/storage'
import { type Database, type Key, open as openLmdb, type RootDatabase } from 'lmdb'

/** All values are bytes that we encode and seal ourselves. */
export type Table<K extends Key> = Database<Buffer, K>

export interface StoreTables {
  /** Configuration, state and snapshot of each collection, and the format version. */
  readonly meta: Table<Key>
  /** Collection and id → slot. */
  readonly ids: Table<Buffer>
  /** collection × 2³² + slot → record. */
  readonly points: Table<number>
  /** Collection, field, value, block → slots. */
  readonly fields: Table<Buffer>
  /** Collection, sequence → slots added and removed since the last snapshot. */
  readonly changes: Table<Key>
}

export class Store {
  readonly tables: StoreTables
  readonly #root: RootDatabase<Buffer, Key>

  private constructor(root: RootDatabase<Buffer, Key>) {
    this.#root = root
    const encoding = 'binary'
    this.tables = {
      meta: root.openDB('meta', { encoding }),
      ids: root.openDB('ids', { encoding, keyEncoding: 'binary' }),
      points: root.openDB('points', { encoding }),
      fields: root.openDB('fields', { encoding, keyEncoding: 'binary' }),
      changes: root.openDB('changes', { encoding }),
    }
  }

  /** @throws AnnulusError `ANNULUS_CORRUPT`, `ANNULUS_VERSION`, `ANNULUS_PERMISSION` or `ANNULUS_IO`. */
  static async open(path: string, files: FileOps): Promise<Store> {
    await checkFile(path, files)
    try {
      // Without overlappingSync a commit has written and synced the data pages, and then the meta page,
      // before its promise resolves: exactly what an acknowledgement needs.
      return new Store(
        openLmdb({ path, noSubdir: true, maxDbs: 8, encoding: 'binary', overlappingSync: false }),
      )
    } catch (cause) {
      throw lmdbError(cause, 'open', path)
    }
  }

  /**
   * Applies the puts and removes of `write` in one transaction; resolves once it survives power loss.
   * `write` must not throw: what it has queued by then would be committed.
   */
  async commit(write: () => void): Promise<void> {
    try {
      await this.#root.batch(write)
    } catch (cause) {
      const detail = await commitError(cause)
      throw lmdbError(detail, 'commit')
    }
  }

  async close(): Promise<void> {
    await this.#root.close()
  }
}

const headerBytes = 24
const magic = 0xbeefc0de
const version = 2
const metaBytes = headerBytes + 136
const fileBytesMax = 2 ** 44

/**
 * LMDB maps its file and trusts it, so the two meta pages are looked at first. Pages past the end of
 * the file would kill the process with SIGBUS. A healthy file may lack its last pages (if they are
 * free), hence they are filled with zeros, which LMDB and our checksums tell from data.
 */
async function checkFile(path: string, files: FileOps): Promise<void> {
  const size = (await files.stat(path))?.size ?? 0
  if (size === 0) return
  const file = await files.open(path, 'write')
  try {
    const first = await readMeta(file, 0)
    const second = await readMeta(file, first.pageBytes)
    const newest = first.transaction >= second.transaction ? first : second
    const needed = (newest.lastPage + 1) * newest.pageBytes
    if (needed > fileBytesMax) throw corrupt(path, 'has a damaged header')
    if (size < needed) await file.truncate(needed)
  } finally {
    await file.close()
  }

  async function readMeta(from: typeof file, position: number) {
    const page = Buffer.alloc(metaBytes)
    if ((await readFully(from, page, position)) < metaBytes) throw corrupt(path, 'is truncated')
    if (page.readUInt32LE(headerBytes) !== magic) throw corrupt(path, 'is not an LMDB file')
    if (page.readUInt32LE(headerBytes + 4) !== version) {
      throw new AnnulusError('ANNULUS_VERSION', `${path} has another LMDB format than ${version}`)
    }
    const pageBytes = page.readUInt32LE(headerBytes + 24)
    if (pageBytes < 512 || pageBytes > 65_536) throw corrupt(path, 'has a damaged header')
    return {
      pageBytes,
      lastPage: Number(page.readBigUInt64LE(headerBytes + 120)),
      transaction: Number(page.readBigUInt64LE(headerBytes + 128)),
    }
  }
}

function corrupt(path: string, what: string): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path} ${what}`, { details: { path } })
}

/** lmdb rejects the writes of a failed commit with a pointer to a second promise that has the reason. */
async function commitError(cause: unknown): Promise<unknown> {
  if (!(cause instanceof Error) || !('commitError' in cause)) return cause
  try {
    await cause.commitError
    return cause
  } catch (reason) {
    return reason
  }
}

function lmdbError(cause: unknown, action: string, path?: string): AnnulusError {
  if (cause instanceof AnnulusError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const details = path === undefined ? { action } : { action, path }
  if (/MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|BAD_TXN|PANIC)/.test(message)) {
    return new AnnulusError('ANNULUS_CORRUPT', `LMDB: ${message}`, { cause, details })
  }
  if (/VERSION_MISMATCH/.test(message)) {
    return new AnnulusError('ANNULUS_VERSION', `LMDB: ${message}`, { cause, details })
  }
  if (/No space left|MDB_MAP_FULL/.test(message)) {
    return new AnnulusError('ANNULUS_FULL', `LMDB: ${message}`, { cause, details })
  }
  if (/Permission denied|Read-only file system/.test(message)) {
    return new AnnulusError('ANNULUS_PERMISSION', `LMDB: ${message}`, { cause, details })
  }
  return new AnnulusError('ANNULUS_IO', `LMDB could not ${action}: ${message}`, { cause, details })
}
