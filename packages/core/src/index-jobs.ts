// The single steps of indexing. Each is short, so that stopping never waits long.
import { HnswIndex } from '@annulus/hnsw'
import type { Metric, Pool } from '@annulus/native'
import type { Quantizer } from '@annulus/quantization'
import type { VectorStorage } from '@annulus/storage'
import { nowMs } from './clock.js'
import type { IndexingProgress } from './events.js'
import { Generation } from './generation.js'
import type { SlotTable } from './slot-table.js'
import { slotsPerRead, trainingSample } from './training.js'

export interface IndexJobOptions {
  readonly pool: Pool
  readonly storage: VectorStorage
  readonly table: SlotTable
  readonly quantizer: Quantizer
  readonly metric: Metric
  readonly graph: { readonly m: number; readonly efConstruct: number }
  readonly onProgress: (progress: IndexingProgress) => void
}

/** How long one job of linking should take: closing the collection waits for it. */
const linkMs = 100
const linkSlotsMin = 64
const linkSlotsMax = 4_096

export class IndexJobs {
  readonly #options: IndexJobOptions
  readonly #signal: AbortSignal
  #linkSlots = linkSlotsMin

  constructor(options: IndexJobOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /** Codes for what the collection holds now, none encoded yet. */
  async train(): Promise<Generation> {
    const { storage, table, quantizer, metric, pool, onProgress } = this.#options
    const signal = this.#signal
    const trainedOn = table.live.size
    onProgress({ phase: 'training', done: 0, total: trainedOn })
    const sample = await trainingSample(storage, table, signal)
    const { dimension } = storage
    const codes = await quantizer.train(sample, { dimension, metric, pool, signal })
    onProgress({ phase: 'training', done: trainedOn, total: trainedOn })
    return new Generation(codes, trainedOn)
  }

  /** Encodes the next few MiB of vectors. */
  async encode(generation: Generation): Promise<void> {
    const { storage, table, onProgress } = this.#options
    const signal = this.#signal
    const first = generation.encoded
    const end = Math.min(table.slots, first + slotsPerRead(storage.dimension))
    const slots = Uint32Array.from({ length: end - first }, (_, index) => first + index)
    await generation.exclusively(async () => {
      const vectors = await storage.read(slots, { signal })
      await generation.codes.encode(first, vectors, { signal })
      generation.encoded = end
    })
    onProgress({ phase: 'encoding', done: end, total: table.slots })
  }

  async startGraph(generation: Generation): Promise<void> {
    const { pool, graph } = this.#options
    generation.graph = HnswIndex.create({ pool, scorer: generation.codes.scorer(), ...graph })
    generation.linked = 0
  }

  /** Links as many slots as take about a tenth of a second. */
  async link(generation: Generation): Promise<void> {
    const { table, onProgress } = this.#options
    const { graph } = generation
    if (graph === undefined) return
    const slots = table.live.slots(generation.linked, table.slots, this.#linkSlots)
    const last = slots[slots.length - 1]
    const end = slots.length < this.#linkSlots || last === undefined ? table.slots : last + 1
    const start = nowMs()
    await generation.exclusively(async () => {
      if (slots.length > 0) await graph.insert(slots)
      generation.linked = end
    })
    this.#pace(nowMs() - start, slots.length)
    onProgress({ phase: 'linking', done: end, total: table.slots })
  }

  #pace(ms: number, slots: number): void {
    if (slots < this.#linkSlots) return
    const wanted = Math.round((slots * linkMs) / Math.max(1, ms))
    this.#linkSlots = Math.max(linkSlotsMin, Math.min(linkSlotsMax, wanted, slots * 2))
  }
}
