// Which collections a database has, how each was created, and which are being dropped.

import { join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import type { Key } from 'lmdb'
import type { CollectionConfig } from './collection-config.js'
import { removeTree } from './file-tree.js'
import { limits } from './limits.js'
import type { Store } from './store.js'
import { decodeStored, encodeStored, type Shape } from './stored.js'
import { isConfig, isFormat, isNextCollection } from './stored-shapes.js'

const formatVersion = 1
const slotRange = 2 ** 32
const purgeBatch = 2_000

/** Directory of a collection in a database. */
export function collectionDirectory(database: string, number: number): string {
  return join(database, 'collections', String(number))
}

/** There is no database to be read. */
export function missing(path: string): AnnulusError {
  return new AnnulusError('ANNULUS_NOT_FOUND', `there is no database in ${path}`, {
    details: { path },
  })
}

export class Catalog {
  readonly #store: Store
  readonly #files: FileOps
  readonly #directory: string

  private constructor(store: Store, files: FileOps, directory: string) {
    this.#store = store
    this.#files = files
    this.#directory = directory
  }

  /** @throws AnnulusError `ANNULUS_VERSION` when a later Annulus wrote the database. */
  static async open(store: Store, files: FileOps, directory: string): Promise<Catalog> {
    const catalog = new Catalog(store, files, directory)
    const format = catalog.#get(['format'], isFormat)
    await catalog.#checkDirectories()
    if (format === undefined) {
      if (store.readOnly) throw missing(directory)
      await store.commit(() => catalog.#put(['format'], { version: formatVersion }))
    } else if (format.version !== formatVersion) {
      throw new AnnulusError(
        'ANNULUS_VERSION',
        `the database has format ${format.version}, this Annulus knows ${formatVersion}`,
        { details: { expected: formatVersion, actual: format.version } },
      )
    }
    if (store.readOnly) return catalog
    for (const number of catalog.#dropped()) await catalog.#purge(number)
    return catalog
  }

  /**
   * A collection has settings before it has a directory, and a note that it is dropped until that is gone.
   *
   * @throws AnnulusError `ANNULUS_CORRUPT` when a directory is left that nothing accounts for.
   */
  async #checkDirectories(): Promise<void> {
    const path = join(this.#directory, 'collections')
    if ((await this.#files.stat(path)) === undefined) return
    const next = this.#get(['next'], isNextCollection)
    const { meta } = this.#store.tables
    for (const name of await this.#files.list(path)) {
      const number = Number(name)
      if (!Number.isInteger(number) || number < 1) continue
      // Somebody who only reads may see the directory of a collection that is newer than what he reads.
      if (this.#store.readOnly && next !== undefined && number >= next) continue
      const known = ['config', 'dropped'].some((key) => meta.getBinary([key, number]) !== undefined)
      if (known && next !== undefined) continue
      throw new AnnulusError('ANNULUS_CORRUPT', `the settings of collection ${number} are lost`, {
        details: { path: join(path, name) },
      })
    }
  }

  /**
   * Configurations of all collections, by name.
   *
   * @throws AnnulusError `ANNULUS_CORRUPT` when one is damaged.
   */
  list(): CollectionConfig[] {
    const { configs, damaged } = Catalog.read(this.#store)
    if (damaged.length > 0) throw damaged[0]
    return configs
  }

  /** As `list`, with what is wrong with the others. */
  static read(store: Store): { configs: CollectionConfig[]; damaged: unknown[] } {
    const range = { start: ['config'], end: ['config', limits.collectionsMax + 1] }
    const configs: CollectionConfig[] = []
    const damaged: unknown[] = []
    for (const { key, value } of store.tables.meta.getRange(range)) {
      try {
        configs.push(configIn(key, value))
      } catch (error) {
        damaged.push(error)
      }
    }
    return { configs: configs.sort((a, b) => (a.name < b.name ? -1 : 1)), damaged }
  }

  find(name: string): CollectionConfig | undefined {
    return this.list().find((config) => config.name === name)
  }

  /** Directory of a collection: named by number, so that no name can lead out of the database. */
  directory(number: number): string {
    return collectionDirectory(this.#directory, number)
  }

  async create(config: Omit<CollectionConfig, 'number'>): Promise<CollectionConfig> {
    const number = this.#get(['next'], isNextCollection) ?? 1
    if (number > limits.collectionsMax) {
      throw new AnnulusError('ANNULUS_LIMIT', 'no more collections can be created in this database')
    }
    const created = { ...config, number }
    await this.#store.commit(() => {
      this.#put(['next'], number + 1)
      this.#put(['config', number], created)
    })
    return created
  }

  /** Forgets a collection at once and durably, then removes what it kept. */
  async drop(number: number): Promise<void> {
    await this.#store.commit(() => {
      this.#store.tables.meta.remove(['config', number])
      this.#put(['dropped', number], {})
    })
    await this.#purge(number)
  }

  #dropped(): number[] {
    const range = { start: ['dropped'], end: ['dropped', limits.collectionsMax + 1] }
    const keys = Array.from(this.#store.tables.meta.getKeys(range))
    return keys.flatMap((key) => (Array.isArray(key) && typeof key[1] === 'number' ? [key[1]] : []))
  }

  async #purge(number: number): Promise<void> {
    const { ids, points, fields, changes, meta } = this.#store.tables
    const prefix = Buffer.alloc(4)
    prefix.writeUInt32BE(number)
    const next = Buffer.alloc(4)
    next.writeUInt32BE(number + 1)
    await this.#removeRange(ids, { start: prefix, end: next })
    await this.#removeRange(fields, { start: prefix, end: next })
    await this.#removeRange(points, { start: number * slotRange, end: (number + 1) * slotRange })
    await this.#removeRange(changes, { start: [number], end: [number + 1] })
    await removeTree(this.directory(number), this.#files)
    await this.#store.commit(() => {
      for (const name of ['state', 'snapshot', 'dropped']) meta.remove([name, number])
    })
  }

  async #removeRange<K extends Key>(
    table: { getKeys(range: object): Iterable<K>; remove(key: K): unknown },
    range: object,
  ): Promise<void> {
    for (;;) {
      const keys = Array.from(table.getKeys({ ...range, limit: purgeBatch }))
      if (keys.length === 0) return
      await this.#store.commit(() => {
        for (const key of keys) table.remove(key)
      })
    }
  }

  #get<T>(key: Key, shape: Shape<T>): T | undefined {
    const value = this.#store.tables.meta.getBinary(key)
    return value === undefined ? undefined : decodeStored(value, nameOf(key), shape)
  }

  #put(key: Key, value: unknown): void {
    this.#store.tables.meta.put(key, encodeStored(value))
  }
}

function nameOf(key: Key): string {
  return `the record ${String(key)}`
}

function configIn(key: Key, value: Buffer): CollectionConfig {
  const ofKey: Shape<CollectionConfig> = (config): config is CollectionConfig =>
    isConfig(config) && Array.isArray(key) && config.number === key[1]
  return decodeStored(value, nameOf(key), ofKey)
}
