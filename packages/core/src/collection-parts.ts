// Puts the parts of a collection together, and takes them apart.

import { dirname, join } from 'node:path'
import { AbortError, AnnulusError, type Pool, releaseHandle } from '@annulus/native'
import type { FileOps, StorageFactory, VectorStorage } from '@annulus/storage'
import type { CollectionConfig } from './collection-config.js'
import { CollectionStore } from './collection-store.js'
import type { BetweenCommits } from './commits.js'
import type { CollectionEvents } from './events.js'
import { FieldIndex } from './field-index.js'
import { emptySum, FieldCheck } from './field-sum.js'
import { FilterCache } from './filter-cache.js'
import type { Generation } from './generation.js'
import { Indexer } from './indexer.js'
import { MemoryBudget } from './memory-budget.js'
import type { CollectionOptions, Tuning } from './options.js'
import { PayloadReader } from './payload-reader.js'
import { Readers } from './readers.js'
import { releaseAll } from './releasing.js'
import { quantizerOf } from './schema.js'
import type { SearchParts } from './search.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'
import { Snapshots } from './snapshots.js'
import type { SearchCounters } from './stats.js'
import type { Store } from './store.js'
import type { VectorMemory } from './vector-memory.js'
import type { Warmth } from './warmth.js'
import { CollectionPace, type WritePace } from './write-pace.js'
import { Writer } from './writer.js'

export type Emit = <Name extends keyof CollectionEvents>(
  name: Name,
  ...event: Parameters<CollectionEvents[Name]>
) => void

/** What a collection gets from its database. */
export interface CollectionHost {
  readonly store: Store
  readonly files: FileOps
  readonly pool: Pool
  readonly pace: WritePace
  readonly vectorMemory: VectorMemory
  /** Of the store's file. */
  readonly warmth: Warmth
  readonly storage: StorageFactory
  readonly directory: string
}

export interface CollectionParts {
  readonly config: CollectionConfig
  readonly tuning: Tuning
  readonly store: CollectionStore
  readonly warmth: Warmth
  readonly storage: VectorStorage
  readonly table: SlotTable
  readonly readers: Readers
  readonly payloads: PayloadReader
  readonly filters: FilterCache
  readonly indexer: Indexer
  readonly writer: Writer
  readonly pace: CollectionPace
  readonly vectorMemory: VectorMemory
  readonly snapshots: Snapshots
  readonly budget: MemoryBudget
  readonly fieldCheck: FieldCheck
  readonly search: SearchParts
  readonly counters: SearchCounters
}

export async function openParts(
  host: CollectionHost,
  config: CollectionConfig,
  options: CollectionOptions,
  tuning: Tuning,
  emit: Emit,
): Promise<CollectionParts> {
  const { files, pool, warmth, directory } = host
  const pace = new CollectionPace(host.pace)
  const quantizer = quantizerOf(config, options)
  const store = new CollectionStore(host.store, config.number)
  const { threads } = pool
  const budget = new MemoryBudget({ config, quantizer, tuning, threads })
  const state = store.state()
  budget.check(state.slots)
  const { readOnly } = host.store
  if (!readOnly) await files.makeDirectory(directory)
  const storage = await host.storage.open({
    path: join(directory, 'vectors'),
    dimension: config.dimension,
    slots: state.slots,
    ...(readOnly ? { readOnly } : {}),
  })
  try {
    if (!readOnly) await syncNames(directory, files)
    const onRebuilt = (file: string, reason: AnnulusError) => emit('rebuilt', { file, reason })
    const codesLaterFrom = tuning.codesLaterFromBytes
    const snapshots = new Snapshots({ directory, store, files, pool, codesLaterFrom, onRebuilt })
    const { table, generation } = await snapshots.load(new AbortController().signal)
    table.release(unusedSlots(table, generation))
    if (generation !== undefined) budget.bind(generation.codes)
    const readers = new Readers()
    const reader = storage.reader?.()
    const indexer = new Indexer(
      {
        pool,
        pace,
        storage,
        reader,
        table,
        readers,
        database: host.store,
        quantizer,
        metric: config.metric,
        graph: { m: config.m, efConstruct: config.efConstruct },
        ...tuning,
        budget,
        choice: snapshots.choice,
        onProgress: (progress) => emit('indexing', progress),
        onIdle: () => emit('indexed', { points: table.live.size, ...indexer.codes }),
        onDrift: (drift) => emit('drift', drift),
        onCodesLost: (reason) => snapshots.lose(reason),
        onCalibrated: (measured) => snapshots.keepCalibration(measured),
        onError: (error) => emit('backgroundError', error),
        snapshot: (current, changesMin) =>
          snapshots.save(table, writer.sequence, current, changesMin),
      },
      generation,
    )
    const betweenCommits: BetweenCommits = (work) => writer.betweenCommits(work)
    const cacheBytes = tuning.payloadCacheBytes
    const payloads = new PayloadReader(store, table, warmth, cacheBytes, betweenCommits)
    const { indexedFields, number } = config
    const sum = state.slots === 0 ? emptySum : state.fields
    const fields = new FieldIndex(host.store.tables.fields, number, indexedFields, sum)
    const expected = state.slots > 0 && indexedFields.length > 0 ? sum : undefined
    const fieldCheck = new FieldCheck(() => host.store.view(), number, expected)
    const onRemoved = (slots: readonly number[]) => {
      for (const slot of slots) payloads.forget(slot)
    }
    const onLost = (error: unknown) => {
      if (error instanceof AnnulusError) emit('backgroundError', error)
    }
    const counters: SearchCounters = { count: 0, inFlight: 0, reads: 0, retries: 0, slow: 0 }
    const writer = new Writer({
      storage,
      store,
      table,
      fields,
      fieldCheck,
      indexer,
      readers,
      warmth,
      payloads,
      budget,
      pace,
      onRemoved,
      onReused: (slots) => filters.reassign(slots),
      onLost,
    })
    const filters = new FilterCache(table, payloads, fields, fieldCheck, betweenCommits)
    const search: SearchParts = {
      pool,
      storage,
      reader,
      metric: config.metric,
      table,
      indexer,
      filters,
      payloads,
      betweenCommits,
    }
    return {
      config,
      tuning,
      store,
      warmth,
      storage,
      table,
      readers,
      payloads,
      filters,
      indexer,
      writer,
      pace,
      vectorMemory: host.vectorMemory,
      snapshots,
      budget,
      fieldCheck,
      search,
      counters,
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

/**
 * Vectors that a commit names are no safer than the names of the directories above them: `vectors`, the
 * collection's, and the one of all collections.
 */
async function syncNames(directory: string, files: FileOps): Promise<void> {
  const collections = dirname(directory)
  for (const each of [directory, collections, dirname(collections)]) await files.syncDirectory(each)
}

/** Dead slots that no graph knows; nobody is reading yet. */
function unusedSlots(table: SlotTable, generation: Generation | undefined): SlotSet {
  const dead = table.deadSlots()
  const { graph } = generation ?? {}
  return graph === undefined ? dead : dead.without(SlotSet.from(graph.occupied()))
}

/** Saves what is worth saving and releases everything; the first error is thrown at the end. */
export async function closeParts(parts: CollectionParts, emit: Emit): Promise<void> {
  const { writer, indexer, storage, fieldCheck } = parts
  const save = async () => {
    await writer.close()
    await saveIndex(parts, emit)
  }
  const { reader } = parts.search
  await releaseAll([
    () => fieldCheck.stop(),
    save,
    () => indexer.close(),
    () => storage.close(),
    () => reader && releaseHandle(reader),
  ])
}

async function saveIndex(parts: CollectionParts, emit: Emit): Promise<void> {
  const { snapshots, table, writer, indexer } = parts
  try {
    // Fewer changes than this are sooner replayed at the next open than written now.
    const changesMin = Math.max(1, table.slots / 100)
    await snapshots.save(table, writer.sequence, indexer.current, changesMin)
  } catch (error) {
    if (error instanceof AnnulusError && !(error instanceof AbortError))
      emit('backgroundError', error)
    else throw error
  }
}
