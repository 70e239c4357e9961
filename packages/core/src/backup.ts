// A copy of the database as it stood at one commit, made while writes go on: a transaction of LMDB holds
// the records, pins hold the slots that it names, and nobody removes the derived files meanwhile.
import { join } from 'node:path'
import { AbortError } from '@annulus/native'
import {
  type FileOps,
  readFully,
  type StorageFactory,
  type VectorStorage,
  writeFully,
} from '@annulus/storage'
import { BackupTarget } from './backup-target.js'
import type { Catalog } from './catalog.js'
import { collectionDirectory } from './catalog.js'
import type { CollectionConfig } from './collection-config.js'
import type { CollectionParts } from './collection-parts.js'
import { CollectionStore } from './collection-store.js'
import { boolean, checkNames, checkSignal, finite, invalid } from './options.js'
import { Store, type StoreView } from './store.js'
import { copyTables } from './table-copy.js'
import { Throttle } from './throttle.js'
import { copyVectors } from './vector-copy.js'

/** How far a backup is. */
export interface BackupProgress {
  /** Bytes copied so far: vectors, derived files, records. */
  readonly bytes: number
  /** Bytes of all vectors; derived files and records are a part of that in most databases. */
  readonly vectorBytes: number
}

export interface BackupOptions {
  readonly signal?: AbortSignal
  /** Called after each piece of about a MiB. */
  readonly progress?: (progress: BackupProgress) => void
  /** Upper bound of the pace; default none. */
  readonly bytesPerSecond?: number
  /** Copy codes and graph too, so that the copy opens at once; default true. Else they are built again. */
  readonly withIndex?: boolean
}

/** What a backup holds. */
export interface BackupReport {
  readonly path: string
  readonly collections: number
  readonly points: number
  readonly bytes: number
}

export interface BackupHost {
  readonly store: Store
  readonly catalog: Catalog
  readonly files: FileOps
  readonly storage: StorageFactory
  /** The collections that are open. */
  readonly hold: () => Promise<HeldCollection[]>
}

/** A collection that is open, kept from closing until `release`. */
export interface HeldCollection {
  readonly parts: CollectionParts
  release(): void
}

const fileChunkBytes = 1 << 20

export class Backup {
  readonly #host: BackupHost
  readonly #options: BackupOptions
  readonly #throttle: Throttle
  readonly #withIndex: boolean
  readonly #held = new Map<number, HeldCollection>()
  #view: StoreView | undefined
  #vectorBytes = 0
  #points = 0

  /** @throws AnnulusError when the options are wrong. */
  constructor(host: BackupHost, options: BackupOptions) {
    checkNames(options, ['signal', 'progress', 'bytesPerSecond', 'withIndex'], 'backup')
    const rate = finite(options.bytesPerSecond ?? Number.MAX_VALUE, 'bytesPerSecond', 1)
    const { progress } = options
    if (progress !== undefined && typeof progress !== 'function') {
      throw invalid('progress must be a function', 'progress')
    }
    const signal = checkSignal(options.signal)
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    this.#host = host
    this.#options = options
    this.#withIndex = boolean(options.withIndex ?? true, 'withIndex')
    this.#throttle = new Throttle(rate, signal)
  }

  /** @param exclusively runs work while no collection is opened, created or dropped */
  async run(
    path: string,
    exclusively: <T>(work: () => Promise<T>) => Promise<T>,
  ): Promise<BackupReport> {
    const { files } = this.#host
    const target = await BackupTarget.create(path, files)
    try {
      const configs = await exclusively(() => this.#begin(target))
      for (const config of configs) {
        const open = this.#held.get(config.number)
        if (open !== undefined) await this.#copyCollection(target, config, open.parts.storage)
        this.#release(config.number)
      }
      await this.#copyRecords(target)
      await target.complete()
      const { bytes } = this.#throttle
      return { path: target.path, collections: configs.length, points: this.#points, bytes }
    } catch (error) {
      await target.discard().catch(() => {})
      throw error
    } finally {
      this.#view?.release()
      for (const number of this.#held.keys()) this.#release(number)
    }
  }

  /** Fixes the commit, and copies what is not open as long as nobody can open it. */
  async #begin(target: BackupTarget): Promise<CollectionConfig[]> {
    const { store, catalog, storage, hold } = this.#host
    const mode = store.readOnly ? { readOnly: true } : {}
    for (const held of await hold()) {
      this.#held.set(held.parts.config.number, held)
      held.parts.snapshots.keepFiles = true
      // What the view names must not be overwritten.
      held.parts.readers.pin(held)
    }
    await store.flush()
    this.#view = store.view()
    const configs = catalog.list()
    for (const config of configs) {
      this.#vectorBytes += this.#collection(config).state().slots * config.dimension * 4
    }
    for (const config of configs.filter(({ number }) => !this.#held.has(number))) {
      const { slots } = this.#collection(config).state()
      const vectors = join(catalog.directory(config.number), 'vectors')
      const source = await storage.open({
        path: vectors,
        dimension: config.dimension,
        slots,
        ...mode,
      })
      try {
        await this.#copyCollection(target, config, source)
      } finally {
        await source.close()
      }
    }
    return configs
  }

  /** What the view says of a collection. */
  #collection({ number }: CollectionConfig): CollectionStore {
    return new CollectionStore(this.#host.store, number, this.#view?.tables)
  }

  #release(number: number): void {
    const held = this.#held.get(number)
    if (held === undefined) return
    this.#held.delete(number)
    held.parts.snapshots.keepFiles = false
    held.parts.readers.unpin(held)
    held.release()
  }

  async #copyCollection(
    target: BackupTarget,
    config: CollectionConfig,
    source: VectorStorage,
  ): Promise<void> {
    const { catalog, files, storage } = this.#host
    const collection = this.#collection(config)
    const directory = collectionDirectory(target.path, config.number)
    await files.makeDirectory(directory)
    const { slots, points } = collection.state()
    this.#points += points
    const copy = await storage.open({
      path: join(directory, 'vectors'),
      dimension: config.dimension,
    })
    try {
      const { signal } = this.#options
      const live = (from: number, to: number) => Uint32Array.from(collection.recordSlots(from, to))
      await copyVectors({ source, copy, slots, live, signal }, (bytes) => this.#passed(bytes))
      await copy.flush()
    } finally {
      await copy.close()
    }
    const manifest = this.#withIndex ? collection.snapshot() : undefined
    for (const name of [manifest?.slots, manifest?.codes, manifest?.graph]) {
      if (name === undefined) continue
      await this.#copyFile(join(catalog.directory(config.number), name), join(directory, name))
    }
    await files.syncDirectory(directory)
    await files.syncDirectory(join(target.path, 'collections'))
  }

  /** A derived file that is gone already will be built again. */
  async #copyFile(from: string, to: string): Promise<void> {
    const { files } = this.#host
    if ((await files.stat(from)) === undefined) return
    const source = await files.open(from, 'read')
    try {
      const copy = await files.open(to, 'create')
      try {
        const chunk = new Uint8Array(fileChunkBytes)
        for (let position = 0; ; ) {
          const length = await readFully(source, chunk, position)
          if (length === 0) break
          await writeFully(copy, chunk.subarray(0, length), position)
          position += length
          await this.#passed(length)
        }
        await copy.sync()
      } finally {
        await copy.close()
      }
    } finally {
      await source.close()
    }
  }

  async #copyRecords(target: BackupTarget): Promise<void> {
    const { tables } = this.#view ?? this.#host.store
    const copy = await Store.open(join(target.path, 'annulus.mdb'), this.#host.files)
    try {
      await copyTables(tables, copy, (bytes) => this.#passed(bytes))
    } finally {
      await copy.close()
    }
  }

  async #passed(bytes: number): Promise<void> {
    await this.#throttle.passed(bytes)
    this.#options.progress?.({ bytes: this.#throttle.bytes, vectorBytes: this.#vectorBytes })
  }
}
