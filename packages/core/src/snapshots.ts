// Derived files of a collection: written beside the valid ones, then named in one LMDB commit.
import { join } from 'node:path'
import { AnnulusError, fileIsResident, type Pool } from '@annulus/native'
import type { Choice } from '@annulus/quantization'
import type { FileOps } from '@annulus/storage'
import type { SnapshotManifest } from './collection-state.js'
import type { CollectionStore } from './collection-store.js'
import { Generation } from './generation.js'
import { IndexFiles } from './index-files.js'
import { reassignedAfter, replay, scanRecords } from './slot-recovery.js'
import type { SlotSet } from './slot-set.js'
import { captureSlots, loadSlots, saveSlots } from './slot-snapshot.js'
import type { SlotTable } from './slot-table.js'

export interface SnapshotOptions {
  readonly directory: string
  readonly store: CollectionStore
  readonly files: FileOps
  readonly pool: Pool
  /** Codes of so many bytes or more are loaded after opening. */
  readonly codesLaterFrom: number
  readonly onRebuilt: (file: string, reason: AnnulusError) => void
}

/** What opening finds of a collection. */
export interface LoadedSnapshot {
  readonly table: SlotTable
  readonly generation: Generation | undefined
}

/** Tables of a few million points; of larger ones the beginning. */
const slotTableBytesAhead = 64 * 2 ** 20

const filePattern = /^(slots|codes|graph)\.\d+\.snap/

export class Snapshots {
  readonly #options: SnapshotOptions
  #manifest: SnapshotManifest | undefined
  /** The generation whose files the manifest names, and how many slots it had reassigned by then. */
  #saved: { readonly generation: Generation; readonly reassignments: number } | undefined
  #tableIsLost = false
  /** Whether files that are not valid any more stay, because somebody copies them. */
  keepFiles = false

  constructor(options: SnapshotOptions) {
    this.#options = options
    try {
      this.#manifest = options.store.snapshot()
    } catch (error) {
      options.onRebuilt(options.directory, rebuildable(error))
    }
  }

  /** The slot table, and codes and graph as far as they were saved and are intact; the indexer does the rest. */
  async load(signal: AbortSignal): Promise<LoadedSnapshot> {
    this.#readTableAhead()
    const files = this.#indexFiles(signal)
    try {
      const table = await this.#loadTable()
      return { table, generation: files && (await this.#loadGeneration(table, files)) }
    } catch (error) {
      await files?.close()
      throw error
    }
  }

  /** Reads of the slot table are small: each would wait behind pieces of codes and graph on its way. */
  #readTableAhead(): void {
    if (this.#manifest === undefined) return
    const path = this.#path(this.#manifest.slots)
    void fileIsResident(this.#options.pool, path, slotTableBytesAhead).catch(() => {})
  }

  #indexFiles(signal: AbortSignal): IndexFiles | undefined {
    const { codes, graph } = this.#manifest ?? {}
    if (codes === undefined) return undefined
    const paths = { codes: this.#path(codes), graph: graph && this.#path(graph) }
    const { pool, codesLaterFrom } = this.#options
    return new IndexFiles(paths, { pool, codesLaterFrom, signal })
  }

  /** Codes that were loaded after opening turned out to be damaged. */
  lose(reason: AnnulusError): void {
    this.#saved = undefined
    const file = this.#manifest?.codes
    if (file !== undefined) this.#options.onRebuilt(this.#path(file), reason)
  }

  /** The slot table as of the last commit: from the snapshot and the changes since, or from all records. */
  async #loadTable(): Promise<SlotTable> {
    const { store, onRebuilt, files } = this.#options
    const manifest = this.#manifest
    const state = store.state()
    if (manifest !== undefined) {
      const path = this.#path(manifest.slots)
      try {
        const key = { collection: store.number, sequence: manifest.sequence }
        const table = await loadSlots(path, key, files)
        replay(table, store, manifest.sequence, state)
        if (table.slots === state.slots && table.live.size === state.points) return table
        throw new AnnulusError('ANNULUS_CORRUPT', `${path} does not lead to the last commit`)
      } catch (error) {
        onRebuilt(path, rebuildable(error))
        this.#tableIsLost = true
      }
    }
    return scanRecords(store, state)
  }

  /** What was picked for the codes that the snapshot names. */
  get choice(): Choice | undefined {
    return this.#manifest?.choice
  }

  async #loadGeneration(table: SlotTable, files: IndexFiles): Promise<Generation | undefined> {
    const manifest = this.#manifest
    if (manifest?.codes === undefined) return undefined
    const { store, onRebuilt } = this.#options
    let generation: Generation
    let reassigned: SlotSet
    try {
      reassigned = reassignedAfter(store, manifest.sequence)
      const codes = await files.codes
      generation = new Generation(
        codes,
        manifest.trainedOn,
        Math.min(manifest.encoded, table.slots),
        manifest.choice,
      )
      if (codes.slots < generation.encoded) {
        throw new AnnulusError(
          'ANNULUS_CORRUPT',
          `${this.#path(manifest.codes)} holds too few codes`,
        )
      }
    } catch (error) {
      onRebuilt(this.#path(manifest.codes), rebuildable(error))
      await files.close()
      return undefined
    }
    this.#saved = { generation, reassignments: 0 }
    if (manifest.graph === undefined) {
      generation.reconcile(table, reassigned)
      return generation
    }
    try {
      generation.graph = await files.graph
      generation.linked = Math.min(manifest.linked, table.slots)
      generation.calibration = manifest.calibration
      generation.calibrates = manifest.calibration !== undefined
    } catch (error) {
      this.#saved = undefined
      onRebuilt(this.#path(manifest.graph), rebuildable(error))
    }
    generation.reconcile(table, reassigned)
    return generation
  }

  /** Keeps what was measured of an index that is saved; of another it is saved with it. */
  async keepCalibration(generation: Generation): Promise<void> {
    const { store } = this.#options
    const { database } = store
    if (database.readOnly || database.latch.tripped) return
    if (this.#manifest === undefined || this.#saved?.generation !== generation) return
    const manifest = { ...this.#manifest, calibration: generation.calibration }
    await store.commit(() => store.putSnapshot(manifest))
    this.#manifest = manifest
  }

  /** Saves if at least `changesMin` slots or commits are not in the last snapshot. */
  async save(
    table: SlotTable,
    sequence: number,
    generation: Generation | undefined,
    changesMin: number,
  ): Promise<void> {
    const { database } = this.#options.store
    if (database.readOnly || database.latch.tripped) return
    // Sooner replayed at the next open than waited for.
    if (generation?.isLoading === true) return
    if (this.#changes(sequence, table, generation) < changesMin) return
    // What the snapshot covers must be in LMDB to be dropped there.
    await database.flush()
    // A graph is saved without hidden nodes.
    while (generation?.hiding !== undefined) await generation.hiding
    // Codes of other points than the table says would be taken for theirs.
    if (generation !== undefined && generation.unencoded.size > 0) return
    const write = () => this.#write(table, sequence, generation)
    if (generation === undefined) return write()
    generation.saving = true
    try {
      await generation.exclusively(write)
    } finally {
      generation.saving = false
    }
  }

  async #write(table: SlotTable, sequence: number, generation: Generation | undefined) {
    const { directory, store, files } = this.#options
    const { number } = store
    const version = (this.#manifest?.version ?? 0) + 1
    const parts = captureSlots(table, { collection: number, sequence })
    const saved = generation && { generation, reassignments: generation.reassignments }
    const manifest: SnapshotManifest = {
      version,
      sequence,
      slots: `slots.${version}.snap`,
      codes: this.#codesName(generation, version),
      graph: generation?.graph === undefined ? undefined : `graph.${version}.snap`,
      encoded: generation?.encoded ?? 0,
      linked: generation?.linked ?? 0,
      trainedOn: generation?.trainedOn ?? 0,
      choice: generation?.choice,
      calibration: generation?.calibration,
    }
    await this.#removeOthers(this.#manifest)
    await this.#removeUnfinished(version)
    await saveSlots(this.#path(manifest.slots), parts(), files)
    if (manifest.codes !== undefined && manifest.codes !== this.#manifest?.codes) {
      await generation?.codes.save(this.#path(manifest.codes))
    }
    if (manifest.graph !== undefined) await generation?.graph?.save(this.#path(manifest.graph))
    await files.syncDirectory(directory)
    const covered = store.changesThrough(sequence)
    await store.commit(() => {
      store.putSnapshot(manifest)
      store.removeChanges(covered)
    })
    this.#manifest = manifest
    this.#saved = saved
    this.#tableIsLost = false
    await this.#removeOthers(manifest)
  }

  /** Codes that have not changed since the last snapshot are not written again. */
  #codesName(generation: Generation | undefined, version: number): string | undefined {
    if (generation === undefined) return undefined
    const { encoded, reassignments } = generation
    const isSaved =
      this.#saved?.generation === generation &&
      this.#saved.reassignments === reassignments &&
      this.#manifest?.encoded === encoded
    if (isSaved && this.#manifest?.codes !== undefined) return this.#manifest.codes
    return `codes.${version}.snap`
  }

  #changes(sequence: number, table: SlotTable, generation: Generation | undefined): number {
    const last = this.#manifest
    if (last === undefined) return table.slots
    if (this.#tableIsLost) return Number.POSITIVE_INFINITY
    const commits = sequence - last.sequence
    const linked = Math.abs((generation?.linked ?? 0) - last.linked)
    const encoded = Math.abs((generation?.encoded ?? 0) - last.encoded)
    const replaced =
      generation !== undefined && generation !== this.#saved?.generation ? table.slots : 0
    return Math.max(commits, linked, encoded, replaced)
  }

  /** What a process that was killed left of a snapshot that it never named; nobody can be reading it. */
  async #removeUnfinished(version: number): Promise<void> {
    const { directory, files } = this.#options
    for (const name of await files.list(directory)) {
      if (filePattern.test(name) && name.split('.')[1] === String(version)) {
        await files.remove(this.#path(name))
      }
    }
  }

  async #removeOthers(manifest: SnapshotManifest | undefined): Promise<void> {
    const { database } = this.#options.store
    // Somebody who reads an older state may still want to load what it names.
    if (this.keepFiles || database.oldestReader() < database.transaction) return
    const { directory, files } = this.#options
    const named = [manifest?.slots, manifest?.codes, manifest?.graph]
    for (const name of await files.list(directory)) {
      if (filePattern.test(name) && !named.includes(name)) await files.remove(this.#path(name))
    }
  }

  #path(name: string): string {
    return join(this.#options.directory, name)
  }
}

/** A derived file that is damaged or gone is rebuilt; any other failure is the caller's. */
function rebuildable(error: unknown): AnnulusError {
  const codes = ['ANNULUS_CORRUPT', 'ANNULUS_NOT_FOUND', 'ANNULUS_VERSION']
  if (error instanceof AnnulusError && codes.includes(error.code)) return error
  throw error
}
