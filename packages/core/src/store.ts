// The one LMDB environment of a database: opening, committing, and what its failures mean.
import { dirname } from 'node:path'
import { AnnulusError } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import { type Key, open as openLmdb, type RootDatabase } from 'lmdb'
import { Commits } from './commits.js'
import { DiskRoom } from './disk-room.js'
import { batchedMs } from './durability.js'
import { Latch } from './latch.js'
import { checkLmdbFile, lmdbError } from './lmdb-file.js'
import type { Durability } from './options.js'
import { type ReadTransaction, Table } from './table.js'

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

/** The tables as they stand at one commit, until `release`. */
export interface StoreView {
  readonly tables: StoreTables
  /** Lets LMDB use the pages again that only this view needs. */
  release(): void
}

/** Somebody whose vectors must be durable before what names them. */
export interface FlushParticipant {
  /** Makes durable what was written before this call. */
  flush(): Promise<void>
  /** What was applied before `flush` was called is durable. */
  flushed(): void
  /** A flush in the background failed; the store refuses writes from now on. */
  failed(error: unknown): void
}

/** Bytes of acknowledged writes that wait in memory before a flush begins by itself. */
const waitingBytesMax = 16 << 20

/** All values are bytes that we encode and seal ourselves. */
const encoding = 'binary'

export interface StoreOptions {
  readonly durability: Durability
  /** Keep to the state at opening, and write nothing. */
  readonly readOnly: boolean
}

export class Store {
  readonly tables: StoreTables
  readonly latch = new Latch()
  readonly durability: Durability
  readonly readOnly: boolean
  readonly room: DiskRoom
  readonly #root: RootDatabase<Buffer, Key>
  readonly #databases: ReturnType<typeof databasesOf>
  readonly #all: readonly Table<never>[]
  readonly #participants = new Set<FlushParticipant>()
  #flushes: Promise<void> = Promise.resolve()
  readonly #commits: Commits
  #timer: NodeJS.Timeout | undefined
  #closed = false

  private constructor(root: RootDatabase<Buffer, Key>, room: DiskRoom, options: StoreOptions) {
    this.#root = root
    this.room = room
    this.#commits = new Commits(root, this.latch)
    this.durability = options.durability
    this.readOnly = options.readOnly
    this.#databases = databasesOf(root)
    this.tables = tablesOf(this.#databases, options.readOnly ? this.#transaction() : undefined)
    this.#all = Object.values(this.tables)
  }

  /** @throws AnnulusError `ANNULUS_CORRUPT`, `ANNULUS_VERSION`, `ANNULUS_PERMISSION` or `ANNULUS_IO`. */
  static async open(
    path: string,
    files: FileOps,
    options: StoreOptions = { durability: 'sync', readOnly: false },
  ): Promise<Store> {
    const { readOnly } = options
    await checkLmdbFile(path, files, readOnly)
    let root: RootDatabase<Buffer, Key> | undefined
    try {
      // Without overlappingSync a commit has written and synced the data pages, and then the meta page,
      // before its promise resolves: exactly what an acknowledgement needs.
      const settings = {
        path,
        noSubdir: true,
        maxDbs: 8,
        encoding,
        overlappingSync: false,
        // With them a commit that fails rejects a promise of lmdb's own that nobody can handle, which
        // ends the process. Commits are grouped by our writers anyway.
        eventTurnBatching: false,
      } as const
      // Not in the types of lmdb: the mode of the files it creates.
      root = openLmdb({ ...settings, readOnly, ...{ permissionsMode: 0o600 } })
      return new Store(root, new DiskRoom(dirname(path), files), options)
    } catch (cause) {
      await root?.close().catch(() => {})
      throw lmdbError(cause, 'open', path)
    }
  }

  /** The state after the last durable commit. While it lasts LMDB keeps every page of it. */
  view(): StoreView {
    if (this.readOnly) return { tables: this.tables, release: () => {} }
    const transaction = this.#transaction()
    return {
      tables: tablesOf(this.#databases, transaction),
      release: () => transaction.done(),
    }
  }

  /** Number of the last transaction of LMDB, to compare with `oldestReader`. */
  get transaction(): number {
    // The types of lmdb leave the contents open.
    const { lastTxnId } = this.#root.getStats() as { lastTxnId?: unknown }
    return typeof lastTxnId === 'number' ? lastTxnId : 0
  }

  /** The oldest transaction that anybody reads in, in this process or another; infinite without. */
  oldestReader(): number {
    if (this.#closed) return Number.POSITIVE_INFINITY
    this.#root.readerCheck()
    // Lines of process, thread and transaction, "-" where the reader rests.
    const transactions = Array.from(
      this.#root.readerList().matchAll(/^\s*\d+\s+\S+\s+(\d+)\s*$/gm),
      (line) => Number(line[1]),
    )
    return Math.min(Number.POSITIVE_INFINITY, ...transactions)
  }

  /** Asks for a turn in every flush, until the returned function is called. */
  join(participant: FlushParticipant): () => void {
    this.#participants.add(participant)
    return () => this.#participants.delete(participant)
  }

  /**
   * Applies the puts and removes of `write` in one transaction, with all that was applied before;
   * resolves once it survives power loss. `write` must not throw: what it has queued by then would be
   * committed.
   *
   * @throws AnnulusError `ANNULUS_LATCHED`, or what LMDB failed with, which trips the latch.
   */
  async commit(write: () => void): Promise<void> {
    this.checkWritable()
    if (!this.#hasWaiting) return this.#commits.apply(write)
    this.#buffer(write)
    await this.flush()
  }

  /** As `commit`, but resolves as early as the durability asked for allows. Atomic all the same. */
  async apply(write: () => void): Promise<void> {
    if (this.durability === 'sync') return this.commit(write)
    this.latch.check()
    this.#buffer(write)
    const bytes = this.#all.reduce((sum, table) => sum + table.waitingBytes, 0)
    if (bytes > waitingBytesMax) return this.flush()
    if (this.durability === 'batched') this.#timer ??= setTimeout(() => this.#tick(), batchedMs)
  }

  /** Makes everything applied so far survive power loss. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const flushed = this.#flushes.then(() => this.#flush())
    this.#flushes = flushed.catch(() => {})
    return flushed
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#flushes
    await this.#commits.settled
    await this.#root.close()
  }

  /** @throws AnnulusError `ANNULUS_READ_ONLY` or `ANNULUS_LATCHED`. */
  checkWritable(): void {
    this.latch.check()
    if (!this.readOnly) return
    throw new AnnulusError(
      'ANNULUS_READ_ONLY',
      'the database was opened with readOnly; open it without to write',
    )
  }

  #transaction(): ReadTransaction {
    // What this turn of the event loop has read may be older.
    this.#root.resetReadTxn()
    return this.#root.useReadTransaction()
  }

  get #hasWaiting(): boolean {
    return this.#all.some((table) => table.hasWaiting)
  }

  #tick(): void {
    this.flush().catch((error: unknown) => {
      for (const participant of this.#participants) participant.failed(error)
    })
  }

  async #flush(): Promise<void> {
    if (!this.#hasWaiting) return
    this.latch.check()
    const participants = [...this.#participants]
    for (const table of this.#all) table.beginFlush()
    await this.latch.guard(allOf(participants.map((each) => each.flush())))
    await this.#commits.apply(() => {
      for (const table of this.#all) table.writeFlushing()
    })
    for (const table of this.#all) table.endFlush()
    for (const participant of participants) participant.flushed()
  }

  #buffer(write: () => void): void {
    for (const table of this.#all) table.buffering = true
    try {
      write()
    } finally {
      for (const table of this.#all) table.buffering = false
    }
  }
}

/** Opening a table is a write, so it is done once. */
function databasesOf(root: RootDatabase<Buffer, Key>) {
  const binaryKeys = { encoding, keyEncoding: 'binary' } as const
  return {
    meta: root.openDB<Buffer, Key>('meta', { encoding }),
    ids: root.openDB<Buffer, Buffer>('ids', binaryKeys),
    points: root.openDB<Buffer, number>('points', { encoding }),
    fields: root.openDB<Buffer, Buffer>('fields', binaryKeys),
    changes: root.openDB<Buffer, Key>('changes', { encoding }),
  }
}

function tablesOf(
  databases: ReturnType<typeof databasesOf>,
  transaction?: ReadTransaction,
): StoreTables {
  return {
    meta: new Table(databases.meta, transaction),
    ids: new Table(databases.ids, transaction),
    points: new Table(databases.points, transaction),
    fields: new Table(databases.fields, transaction),
    changes: new Table(databases.changes, transaction),
  }
}

/** Waits for all, then rejects with the first failure: nothing is still running when it returns. */
async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}
