import { Backup, type BackupOptions, type BackupReport } from './backup.js'
import { Collection } from './collection.js'
import type { CollectionConfig } from './collection-config.js'
import { type Emit, openParts } from './collection-parts.js'
import { checkPath, type DatabaseParts, openDatabaseParts } from './database-parts.js'
import { DatabaseEmitter } from './events.js'
import { Lifetime } from './lifetime.js'
import { type CollectionOptions, type DatabaseOptions, parseTuning } from './options.js'
import { releaseAll } from './releasing.js'
import { checkConfig, checkName, newConfig } from './schema.js'
import type { DatabaseStats } from './stats.js'
import type { VerifyReport } from './verify.js'
import { type VerifyOptions, verifyDatabase } from './verify-database.js'

/** What a collection is, as far as its name and its creation say. */
export type CollectionInfo = Readonly<Omit<CollectionConfig, 'number'>>

/**
 * Opens the database in a directory, which is created if it is missing.
 *
 * @throws AnnulusError `ANNULUS_LOCKED` when it is open elsewhere, `ANNULUS_INVALID_ARGUMENT` when the path
 *   is a file, `ANNULUS_PERMISSION`, `ANNULUS_CORRUPT`, `ANNULUS_VERSION`, `ANNULUS_UNKNOWN_OPTION`.
 */
export async function open(path: string, options: DatabaseOptions): Promise<Database> {
  return new Database(await openDatabaseParts(path, options))
}

/** An open database: its collections share one LMDB environment and one pool of threads. */
export class Database extends DatabaseEmitter {
  readonly path: string
  readonly #parts: DatabaseParts
  readonly #lifetime: Lifetime
  readonly #open = new Map<string, Promise<Collection<object>>>()
  readonly #collections = new Set<Collection<object>>()
  #catalogWork: Promise<unknown> = Promise.resolve()

  /** @internal */
  constructor(parts: DatabaseParts) {
    super()
    this.path = parts.path
    this.#parts = parts
    this.#lifetime = new Lifetime(`database ${parts.path}`)
  }

  /**
   * Opens a collection, or creates it when `options.dimension` is given and it does not exist. Within one
   * database the same name gives the same object until that is closed; how it is tuned was said when it was opened.
   *
   * @throws AnnulusError `ANNULUS_NOT_FOUND`, `ANNULUS_DIMENSION` or `ANNULUS_EXISTS` when what exists was
   *   created otherwise, `ANNULUS_UNKNOWN_OPTION`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_LIMIT`.
   */
  collection<Payload extends object = Record<string, unknown>>(
    name: string,
    options: CollectionOptions = {},
  ): Promise<Collection<Payload>> {
    return this.#exclusively(async () => {
      checkName(name)
      const tuning = parseTuning(options)
      const { catalog } = this.#parts
      const existing = catalog.find(name)
      if (existing !== undefined) checkConfig(existing, options)
      let opened = this.#open.get(name)
      if (opened === undefined) {
        const config = existing ?? (await catalog.create(newConfig(name, options)))
        opened = this.#openCollection(config, options, tuning)
        this.#open.set(name, opened)
        opened.catch(() => this.#open.delete(name))
      }
      // What the payloads look like is the caller's word.
      return (await opened) as unknown as Collection<Payload>
    })
  }

  /** All collections, by name. */
  collections(): CollectionInfo[] {
    this.#lifetime.check()
    return this.#parts.catalog.list().map(({ number: _, ...info }) => info)
  }

  /** Closes and removes a collection with all its files. Durable. Returns whether there was one. */
  dropCollection(name: string): Promise<boolean> {
    return this.#exclusively(async () => {
      this.#parts.store.checkWritable()
      const config = this.#parts.catalog.find(checkName(name))
      if (config === undefined) return false
      await (await this.#open.get(name))?.close()
      await this.#parts.catalog.drop(config.number)
      return true
    })
  }

  /**
   * Makes every write acknowledged so far survive power loss; with durability `sync` they all do already.
   *
   * @throws AnnulusError `ANNULUS_LATCHED` and what the flush failed with.
   */
  flush(): Promise<void> {
    return this.#lifetime.run(() => this.#parts.store.flush())
  }

  /**
   * Writes a copy of the database, as it stands at one commit, into a directory that is missing or empty.
   * Searches and writes go on; each piece of a MiB takes a short turn of the event loop. The copy is a
   * database: restoring is opening it. Until it is complete nothing opens it, and if the backup fails or
   * is aborted it is removed.
   *
   * @throws AnnulusError `ANNULUS_EXISTS`, `ANNULUS_FULL`, `ANNULUS_IO`; `ANNULUS_CORRUPT` when a vector
   *   is damaged: a backup never spreads damage (see {@link repair}); AbortError.
   */
  backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    return this.#lifetime.run(async () => {
      const backup = new Backup({ ...this.#parts, hold: () => this.#hold() }, options)
      return backup.run(checkPath(path), (work) => this.#exclusively(work))
    })
  }

  /**
   * Reads everything at one commit (records, ids, payload index, every vector, derived files) and says
   * what is damaged. Searches and writes go on; opening, creating and dropping collections waits.
   *
   * @throws AbortError, and errors that are not damage.
   */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    const host = { ...this.#parts, hold: () => this.#hold() }
    return this.#exclusively(() => verifyDatabase(host, options))
  }

  /** Numbers of the database and of its open collections. */
  stats(): DatabaseStats {
    this.#lifetime.check()
    const { storage, pool, store } = this.#parts
    const collections = Array.from(this.#collections, (collection) => collection.stats())
    return {
      storage: storage.name,
      threads: pool.threads,
      durability: store.durability,
      collections,
    }
  }

  /** Closes all collections, waiting for calls in progress, then the database. Idempotent. */
  close(): Promise<void> {
    return this.#lifetime.close(async () => {
      await this.#lifetime.idle()
      const { store, pool, lock } = this.#parts
      const opened = await Promise.allSettled(this.#open.values())
      const closing = opened.map((each) => each.status === 'fulfilled' && each.value.close())
      await Promise.allSettled(closing)
      await releaseAll([
        ...closing.map((each) => () => each),
        () => pool.close(),
        () => store.close(),
        () => lock?.release(),
      ])
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #openCollection(
    config: CollectionConfig,
    options: CollectionOptions,
    tuning: ReturnType<typeof parseTuning>,
  ): Promise<Collection<object>> {
    const directory = this.#parts.catalog.directory(config.number)
    const waiting: (() => void)[] = []
    let collection: Collection<object> | undefined
    const emit: Emit = (name, ...event) => {
      if (collection === undefined) waiting.push(() => emit(name, ...event))
      else collection.emit(name, ...event)
    }
    const parts = await openParts({ ...this.#parts, directory }, config, options, tuning, emit)
    const made = new Collection<object>(parts, () => {
      this.#open.delete(config.name)
      this.#collections.delete(made)
    })
    collection = made
    this.#collections.add(made)
    this.#forward(made)
    const { backend, fallback } = parts.storage.stats()
    if (fallback !== undefined) {
      waiting.push(() => emit('storageFallback', { backend, reason: fallback }))
    }
    // After the caller had its chance to listen.
    setImmediate(() =>
      waiting.forEach((send) => {
        send()
      }),
    )
    return collection
  }

  /** The collections that are open, kept from closing. */
  async #hold() {
    const collections = await Promise.all(this.#open.values())
    return collections.map((collection) => collection.hold())
  }

  #forward(collection: Collection<object>): void {
    const { name } = collection
    collection.on('indexing', (progress) => void this.emit('indexing', progress, name))
    collection.on('indexed', (index) => void this.emit('indexed', index, name))
    collection.on('rebuilt', (file) => void this.emit('rebuilt', file, name))
    collection.on('storageFallback', (reason) => void this.emit('storageFallback', reason, name))
    collection.on('drift', (found) => void this.emit('drift', found, name))
    collection.on('slowSearch', (found) => void this.emit('slowSearch', found, name))
    collection.on('backgroundError', (error) => void this.emit('backgroundError', error, name))
  }

  /** Opening, creating and dropping happen one after the other. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#lifetime.run(() => {
      const result = this.#catalogWork.then(work)
      this.#catalogWork = result.catch(() => undefined)
      return result
    })
  }
}
