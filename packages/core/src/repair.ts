// Makes a new database of everything that is intact in a damaged one, and lists what is not.
import { join } from 'node:path'
import { AbortError } from '@annulus/native'
import {
  type FileOps,
  nodeFileOps,
  openSalvage,
  type Salvage,
  type StorageFactory,
} from '@annulus/storage'
import { BackupTarget } from './backup-target.js'
import { Catalog, collectionDirectory, missing } from './catalog.js'
import type { CollectionConfig } from './collection-config.js'
import { CollectionStore } from './collection-store.js'
import { asDamage, type Damage } from './damage.js'
import { FieldIndex, type SlotsByKey } from './field-index.js'
import { emptySum } from './field-sum.js'
import { checkNames, checkSignal, invalid } from './options.js'
import { decodePayload } from './payloads.js'
import { turn } from './points.js'
import { decodeRecord } from './records.js'
import { Store } from './store.js'

export interface RepairOptions {
  /** What the new database keeps its vectors in. The damaged one must be of segment files. */
  readonly storage: StorageFactory
  readonly signal?: AbortSignal
  readonly files?: FileOps
}

export interface RepairReport {
  readonly path: string
  readonly collections: number
  /** Points that are in the new database. */
  readonly points: number
  readonly lost: readonly Damage[]
}

const pointsAtOnce = 256

/**
 * Copies every point whose record, payload and vector are intact into a new database, and lists the rest.
 * The damaged one is only read. Codes and graph are built when the new one is opened.
 *
 * @param path a database; not open for writing anywhere
 * @param target a directory that is missing or empty
 * @throws AnnulusError `ANNULUS_NOT_FOUND`, `ANNULUS_EXISTS`; `ANNULUS_CORRUPT` when LMDB's file does not
 *   open, for without it nothing has a name; what writing fails with; AbortError.
 */
export async function repair(
  path: string,
  target: string,
  options: RepairOptions,
): Promise<RepairReport> {
  checkNames(options, ['storage', 'signal', 'files'], 'repair')
  if (typeof options.storage?.open !== 'function') {
    throw invalid('storage must be a StorageFactory', 'storage')
  }
  checkSignal(options.signal)
  const files = options.files ?? nodeFileOps
  const file = join(path, 'annulus.mdb')
  if ((await files.stat(file)) === undefined) throw missing(path)
  const from = await Store.open(file, files, { durability: 'sync', readOnly: true })
  try {
    const made = await BackupTarget.create(target, files)
    try {
      const report = await new Repair(path, from, made, { ...options, files }).run()
      await made.complete()
      return report
    } catch (error) {
      await made.discard().catch(() => {})
      throw error
    }
  } finally {
    await from.close()
  }
}

class Repair {
  readonly #path: string
  readonly #from: Store
  readonly #target: BackupTarget
  readonly #options: RepairOptions & { readonly files: FileOps }
  readonly #lost: Damage[] = []
  #points = 0

  constructor(
    path: string,
    from: Store,
    target: BackupTarget,
    options: RepairOptions & { readonly files: FileOps },
  ) {
    this.#path = path
    this.#from = from
    this.#target = target
    this.#options = options
  }

  async run(): Promise<RepairReport> {
    const { files } = this.#options
    const { path } = this.#target
    const to = await Store.open(join(path, 'annulus.mdb'), files)
    try {
      const catalog = await Catalog.open(to, files, path)
      const configs = this.#configs()
      for (const config of configs) await this.#collection(await catalog.create(config), config, to)
      return { path, collections: configs.length, points: this.#points, lost: this.#lost }
    } finally {
      await to.close()
    }
  }

  #configs(): CollectionConfig[] {
    const { configs, damaged } = Catalog.read(this.#from)
    for (const error of damaged) {
      this.#lost.push(asDamage(error, { collection: undefined, part: 'settings' }))
    }
    return configs
  }

  async #collection(made: CollectionConfig, config: CollectionConfig, to: Store): Promise<void> {
    const { files, storage } = this.#options
    const directory = collectionDirectory(this.#target.path, made.number)
    await files.makeDirectory(directory)
    const copy = await storage.open({
      path: join(directory, 'vectors'),
      dimension: config.dimension,
    })
    const vectors = join(collectionDirectory(this.#path, config.number), 'vectors')
    const salvage = await openSalvage({ path: vectors, dimension: config.dimension, files })
    try {
      const target = new CollectionStore(to, made.number)
      await this.#copy({ config, made, salvage, copy, to, target })
    } finally {
      await salvage.close()
      await copy.close()
    }
    await files.syncDirectory(directory)
    await files.syncDirectory(join(this.#target.path, 'collections'))
  }

  async #copy(job: Job): Promise<void> {
    const source = new CollectionStore(this.#from, job.config.number)
    const slots = source.recordSlots(0, 2 ** 32)
    let batch: number[] = []
    let sequence = 0
    const flush = async () => {
      if (batch.length > 0) await this.#batch(job, source, batch, ++sequence)
      batch = []
    }
    for (const slot of Array.from(slots)) {
      batch.push(slot)
      if (batch.length === pointsAtOnce) await flush()
    }
    await flush()
    this.#lostIds(job, source)
  }

  /** Copies the intact points among these. */
  async #batch(job: Job, source: CollectionStore, slots: readonly number[], sequence: number) {
    const { signal } = this.#options
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    const { made, copy, to, target } = job
    const found: Point[] = []
    for (const slot of slots) {
      const point = await this.#point(job, source, slot)
      if (point !== undefined) found.push(point)
    }
    const { slots: first, points, fields: sum = emptySum } = target.state()
    const { dimension } = made
    const vectors = new Float32Array(found.length * dimension)
    for (const [index, { vector }] of found.entries()) vectors.set(vector, index * dimension)
    await copy.write(first, vectors)
    await copy.flush()
    const fields = new FieldIndex(to.tables.fields, made.number, made.indexedFields, sum)
    const indexed: SlotsByKey = new Map()
    for (const [index, { payload }] of found.entries()) {
      fields.collect(indexed, first + index, payload)
    }
    const prepared = fields.prepare(indexed, new Map())
    await to.commit(() => {
      target.putIds(new Map(found.map(({ id }, index) => [id, first + index])))
      for (const [index, { record }] of found.entries()) target.putRecord(first + index, record)
      fields.write(prepared)
      const next = { slots: first + found.length, points: points + found.length, sequence }
      target.putState({ ...next, fields: prepared.sum, unindexed: 0 })
    })
    this.#points += found.length
    await turn()
  }

  async #point(
    { config, salvage }: Job,
    source: CollectionStore,
    slot: number,
  ): Promise<Point | undefined> {
    const where = { collection: config.name, slot }
    try {
      const bytes = source.record(slot)
      if (bytes === undefined) return undefined
      const record = Buffer.from(bytes)
      const { id, payload } = decodeRecord(record, slot)
      const decoded = payload === undefined ? undefined : decodePayload(payload)
      const vector = await salvage.read(slot)
      if (vector === undefined) {
        this.#lost.push({ ...where, part: 'vector', message: 'the vector is damaged or gone', id })
        return undefined
      }
      // Where an id leads elsewhere, this record is not its own.
      if ((slotOrUndefined(source, id) ?? slot) !== slot) return undefined
      return { id, record, payload: decoded, vector }
    } catch (error) {
      this.#lost.push(asDamage(error, { ...where, part: 'record' }))
      return undefined
    }
  }

  /** Ids without a record of their own in the new database, unless they are listed already. */
  #lostIds({ config, target }: Job, source: CollectionStore): void {
    const listed = new Set(this.#lost.map(({ id }) => id))
    for (const { id, slot } of source.idEntries()) {
      if (target.slotOf(id) !== undefined || listed.has(id)) continue
      const message = 'the id has no intact record'
      this.#lost.push({ collection: config.name, part: 'id', message, slot, id })
    }
  }
}

interface Job {
  readonly config: CollectionConfig
  readonly made: CollectionConfig
  readonly salvage: Salvage
  readonly copy: Awaited<ReturnType<StorageFactory['open']>>
  readonly to: Store
  readonly target: CollectionStore
}

interface Point {
  readonly id: string | number
  readonly record: Buffer
  readonly payload: object | undefined
  readonly vector: Float32Array
}

/** The slot of an id; undefined where its entry is damaged too. */
function slotOrUndefined(source: CollectionStore, id: string | number): number | undefined {
  try {
    return source.slotOf(id)
  } catch {
    return undefined
  }
}
