// Reads everything that a database holds and says what is damaged. Changes nothing.
import { HnswIndex } from '@annulus/hnsw'
import { AbortError, type Pool, type ScorerHandle } from '@annulus/native'
import { loadCodes } from '@annulus/quantization'
import type { FileOps, VectorStorage } from '@annulus/storage'
import type { CollectionConfig } from './collection-config.js'
import type { SnapshotManifest } from './collection-state.js'
import type { CollectionStore } from './collection-store.js'
import { asDamage, type Damage } from './damage.js'
import { blockSlots, FieldIndex, type SlotsByKey } from './field-index.js'
import { isSame, sumFields } from './field-sum.js'
import { withScorer } from './generation.js'
import type { PointId } from './ids.js'
import { decodePayload } from './payloads.js'
import { turn } from './points.js'
import { decodeRecord } from './records.js'
import { loadSlots } from './slot-snapshot.js'
import type { StoreTables } from './store.js'

export interface VerifyProgress {
  readonly collection: string
  /** Points whose record and vector were read, of `total`. */
  readonly done: number
  readonly total: number
}

export interface VerifyReport {
  readonly ok: boolean
  readonly collections: number
  /** Points that are intact. */
  readonly points: number
  readonly damage: readonly Damage[]
}

export interface VerifySettings {
  readonly signal: AbortSignal | undefined
  readonly progress: ((progress: VerifyProgress) => void) | undefined
}

export interface VerifyTarget {
  readonly config: CollectionConfig
  readonly collection: CollectionStore
  readonly tables: StoreTables
  readonly storage: VectorStorage
  /** Where the derived files are. */
  readonly directory: string
  readonly files: FileOps
  readonly pool: Pool
}

const vectorsAtOnce = 256

export class Verification {
  readonly damage: Damage[] = []
  points = 0
  readonly #settings: VerifySettings

  constructor(settings: VerifySettings) {
    this.#settings = settings
  }

  async collection(target: VerifyTarget): Promise<void> {
    const { config, collection } = target
    const { slots, points } = collection.state()
    let found = 0
    for (let first = 0; first < slots; first += blockSlots) {
      const end = Math.min(slots, first + blockSlots)
      await this.#block(target, first, end, (records) => {
        found += records
        this.#settings.progress?.({ collection: config.name, done: found, total: points })
      })
    }
    if (found !== points) {
      this.#note(target, 'record', `${found} records, but ${points} points were committed`)
    }
    await this.#index(target)
    await this.#ids(target)
    await this.#derived(target)
  }

  /** Records, vectors and payload index of the slots in [first, end). */
  async #block(target: VerifyTarget, first: number, end: number, step: (records: number) => void) {
    const { collection, config } = target
    const slots = Array.from(collection.recordSlots(first, end))
    const indexed: SlotsByKey = new Map()
    const fields = new FieldIndex(target.tables.fields, config.number, config.indexedFields)
    for (let at = 0; at < slots.length; at += vectorsAtOnce) {
      this.#checkSignal()
      const some = slots.slice(at, at + vectorsAtOnce)
      const intact = some.filter((slot) => this.#record(target, slot, fields, indexed))
      this.points += await this.#vectors(target, intact)
      step(some.length)
      await turn()
    }
    for (const { key, slots: expected } of indexed.values()) {
      try {
        if (fields.holds(key, expected)) continue
        this.#note(target, 'payload index', 'a block lacks slots whose payloads belong there')
      } catch (error) {
        this.damage.push(asDamage(error, { collection: config.name, part: 'payload index' }))
      }
    }
  }

  #record(target: VerifyTarget, slot: number, fields: FieldIndex, indexed: SlotsByKey): boolean {
    const { collection, config } = target
    let id: PointId | undefined
    try {
      const bytes = collection.record(slot)
      if (bytes === undefined) return false
      const record = decodeRecord(bytes, slot)
      id = record.id
      const payload = record.payload === undefined ? undefined : decodePayload(record.payload)
      fields.collect(indexed, slot, payload)
      const leadsTo = collection.slotOf(id)
      if (leadsTo === slot) return true
      this.#note(
        target,
        'id',
        `the id leads to slot ${String(leadsTo)}, not to its record`,
        slot,
        id,
      )
    } catch (error) {
      this.damage.push(asDamage(error, { collection: config.name, part: 'record', slot, id }))
    }
    return false
  }

  /** Returns the number of vectors that are intact; after a failure each is read alone. */
  async #vectors(target: VerifyTarget, slots: readonly number[]): Promise<number> {
    const { storage, config } = target
    try {
      await storage.read(Uint32Array.from(slots))
      return slots.length
    } catch (error) {
      const [slot] = slots
      const where = { collection: config.name, part: 'vector' } as const
      if (slots.length > 1) {
        asDamage(error, where)
        let intact = 0
        for (const each of slots) intact += await this.#vectors(target, [each])
        return intact
      }
      const id = slot === undefined ? undefined : this.#idOf(target, slot)
      this.damage.push(asDamage(error, { ...where, slot, id }))
      return 0
    }
  }

  #idOf({ collection }: VerifyTarget, slot: number): PointId | undefined {
    const bytes = collection.record(slot)
    return bytes === undefined ? undefined : decodeRecord(bytes, slot).id
  }

  /** The payload index as a whole: also what should not be there, or not any more. */
  async #index(target: VerifyTarget): Promise<void> {
    const { fields } = target.collection.state()
    if (fields === undefined) return
    if (isSame(await sumFields(target.tables.fields, target.config.number), fields)) return
    this.#note(target, 'payload index', 'the blocks are not those that were written')
  }

  /** Ids that lead nowhere. Those that lead to a wrong record were found from the record. */
  async #ids(target: VerifyTarget): Promise<void> {
    let seen = 0
    for (const { id, slot } of target.collection.idEntries()) {
      if (++seen % 10_000 === 0) this.#checkSignal()
      if (slot === undefined)
        this.#note(target, 'id', 'the slot does not match its check', slot, id)
      else if (target.collection.record(slot) === undefined) {
        this.#note(target, 'id', 'the id leads to a slot without a record', slot, id)
      }
    }
  }

  /** Loads the derived files as opening would. */
  async #derived(target: VerifyTarget): Promise<void> {
    const { config, directory, files, pool } = target
    const manifest = this.#manifest(target)
    if (manifest === undefined) return
    const path = (name: string) => `${directory}/${name}`
    const check = async (file: string, load: () => Promise<void>) => {
      this.#checkSignal()
      try {
        await load()
      } catch (error) {
        this.damage.push({ ...asDamage(error, { collection: config.name, part: 'index' }), file })
      }
    }
    const key = { collection: config.number, sequence: manifest.sequence }
    const slots = path(manifest.slots)
    await check(slots, async () => void (await loadSlots(slots, key, files)))
    if (manifest.codes === undefined) return
    const codesPath = path(manifest.codes)
    await check(codesPath, async () => {
      const codes = await loadCodes(codesPath, { pool })
      try {
        if (manifest.graph === undefined) return
        const graphPath = path(manifest.graph)
        await check(graphPath, async () => {
          const load = (scorer: ScorerHandle) => HnswIndex.load(graphPath, { pool, scorer })
          const graph = await withScorer(codes, load)
          await graph.close()
        })
      } finally {
        codes.close()
      }
    })
  }

  #manifest({ collection, config }: VerifyTarget): SnapshotManifest | undefined {
    try {
      return collection.snapshot()
    } catch (error) {
      this.damage.push(asDamage(error, { collection: config.name, part: 'index' }))
      return undefined
    }
  }

  #note(
    { config }: VerifyTarget,
    part: Damage['part'],
    message: string,
    slot?: number,
    id?: PointId,
  ): void {
    this.damage.push({ collection: config.name, part, message, slot, id })
  }

  #checkSignal(): void {
    const { signal } = this.#settings
    if (signal?.aborted === true) throw new AbortError(signal.reason)
  }
}
