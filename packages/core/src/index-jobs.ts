// The single steps of indexing. Each is short, so that stopping never waits long.
import { HnswIndex, type Pace } from '@annulus/hnsw'
import { AnnulusError, type Metric, type Pool } from '@annulus/native'
import { type Choice, type Quantizer, quantizerFrom } from '@annulus/quantization'
import type { VectorStorage } from '@annulus/storage'
import { nowMs } from './clock.js'
import type { IndexingProgress } from './events.js'
import { Generation, withScorer } from './generation.js'
import type { MemoryBudget } from './memory-budget.js'
import type { Readers } from './readers.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'
import { type Paced, slotsPerRead, trainingSample } from './training.js'

export interface IndexJobOptions {
  readonly pool: Pool
  readonly pace: Pace
  readonly storage: VectorStorage
  readonly table: SlotTable
  readonly readers: Readers
  readonly quantizer: Quantizer
  readonly budget: MemoryBudget
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

  /** Codes for what the collection holds now, none encoded yet; of a `kept` kind as long as it fits. */
  async train(kept?: Choice, replaced?: Generation): Promise<Generation> {
    const { storage, table, metric, pool, readers, budget, onProgress } = this.#options
    const signal = this.#signal
    const trainedOn = table.live.size
    onProgress({ phase: 'training', done: 0, total: trainedOn })
    const paced = this.#paced(replaced !== undefined)
    const sample = await readers.run(() => trainingSample({ storage, table, signal, paced }))
    const { dimension } = storage
    const choice = this.#choose(kept, replaced)
    const codes = await this.#quantizer(choice).train(sample, { dimension, metric, pool, signal })
    budget.bind(codes)
    onProgress({ phase: 'training', done: trainedOn, total: trainedOn })
    return new Generation(codes, trainedOn, 0, choice)
  }

  #choose(kept: Choice | undefined, replaced: Generation | undefined): Choice | undefined {
    const { storage, table, quantizer, metric, budget } = this.#options
    const count = table.slots
    if (kept !== undefined && count <= (kept.countMax ?? count)) return kept
    const replacedBytes = replaced?.codes.bytes ?? 0
    const memoryBytes = budget.forCodes(count)
    const { dimension } = storage
    return quantizer.choose?.({ dimension, metric, count, replacedBytes, memoryBytes })
  }

  #quantizer(choice: Choice | undefined): Quantizer {
    if (choice === undefined) return this.#options.quantizer
    const chosen = quantizerFrom(choice.kind, choice.settings)
    if (chosen !== undefined) return chosen
    throw new AnnulusError('ANNULUS_UNSUPPORTED', `there are no ${choice.kind} codes to choose`)
  }

  /** Searches scan what their index has not encoded: only one that is to replace another has time for rests. */
  #paced(replaces: boolean): Paced {
    const { pace } = this.#options
    return async (work) => {
      if (!replaces) return work()
      await pace.rest(this.#signal)
      const start = nowMs()
      const result = await work()
      // One thread at a time is at work, so that its CPU time is less.
      pace.spend(nowMs() - start)
      return result
    }
  }

  /** Encodes the next MiB of vectors; with rests where the generation `replaces` another. */
  async encode(generation: Generation, replaces: boolean): Promise<void> {
    return this.#paced(replaces)(() => this.#encode(generation))
  }

  async #encode(generation: Generation): Promise<void> {
    const { storage, table, onProgress } = this.#options
    const first = generation.encoded
    if (first === table.slots) return this.#encodeReassigned(generation)
    const { dimension } = storage
    const end = Math.min(table.slots, first + slotsPerRead(dimension))
    await generation.exclusively(async () => {
      const slots = table.live.slots(first, end)
      // A slot without a point may be written just now, so it is not read; any code will do for it.
      const found = await this.#read(slots)
      const vectors = spread(found, slots, { first, end, dimension })
      await generation.codes.encode(first, vectors, { signal: this.#signal })
      generation.encoded = end
    })
    onProgress({ phase: 'encoding', done: end, total: table.slots })
  }

  async #encodeReassigned(generation: Generation): Promise<void> {
    const waiting = generation.unencoded.without(generation.blocked)
    const slots = waiting.slots(0, undefined, slotsPerRead(this.#options.storage.dimension))
    await generation.exclusively(async () => {
      const vectors = await this.#read(slots)
      await generation.codes.encode(slots, vectors, { signal: this.#signal })
      generation.settle(generation.unencoded, slots)
    })
  }

  #read(slots: Uint32Array): Promise<Float32Array> {
    const { storage, readers } = this.#options
    return readers.run(() => storage.read(slots, { signal: this.#signal }))
  }

  async startGraph(generation: Generation): Promise<void> {
    const { pool, graph } = this.#options
    generation.graph = await withScorer(generation.codes, (scorer) =>
      HnswIndex.create({ pool, scorer, ...graph }),
    )
    generation.linked = 0
    generation.settle(generation.unlinked, generation.unlinked.slots())
  }

  /** Links as many slots as take about a tenth of a second. */
  async link(generation: Generation): Promise<void> {
    const { table, onProgress } = this.#options
    const { graph } = generation
    if (graph === undefined) return
    if (generation.linked === table.slots) return this.#linkReassigned(generation, graph)
    const slots = table.live.slots(generation.linked, table.slots, this.#linkSlots)
    const last = slots[slots.length - 1]
    const end = slots.length < this.#linkSlots || last === undefined ? table.slots : last + 1
    await this.#insert(generation, graph, slots, () => {
      generation.linked = end
    })
    onProgress({ phase: 'linking', done: end, total: table.slots })
  }

  async #linkReassigned(generation: Generation, graph: HnswIndex): Promise<void> {
    const ready = generation.unlinked.without(generation.unencoded)
    const slots = ready.slots(0, undefined, this.#linkSlots)
    await this.#insert(generation, graph, slots, () =>
      generation.settle(generation.unlinked, slots),
    )
  }

  async #insert(
    generation: Generation,
    graph: HnswIndex,
    slots: Uint32Array,
    note: () => void,
  ): Promise<void> {
    const { pace } = this.#options
    const start = nowMs()
    await generation.exclusively(async () => {
      if (slots.length > 0) await graph.insert(slots, { background: true, pace })
      note()
    })
    this.#adapt(nowMs() - start, slots.length)
  }

  /**
   * Takes removed nodes out of the graph, which other jobs may change meanwhile. Returns the dead slots
   * that nobody but readers knows now.
   */
  async repair(generation: Generation | undefined): Promise<SlotSet> {
    const { table, pace } = this.#options
    const dead = table.deadSlots()
    const graph = generation?.graph
    if (generation === undefined || graph === undefined) return dead
    // All of it while the graph is in use: a new generation may replace it meanwhile.
    return generation.use(async () => {
      const { freed } = await graph.repair({ signal: this.#signal, pace })
      generation.settle(generation.blocked, freed)
      return dead.without(SlotSet.from(graph.occupied()))
    })
  }

  #adapt(ms: number, slots: number): void {
    if (slots < this.#linkSlots) return
    const wanted = Math.round((slots * linkMs) / Math.max(1, ms))
    this.#linkSlots = Math.max(linkSlotsMin, Math.min(linkSlotsMax, wanted, slots * 2))
  }
}

/** One vector for each slot of a range, of which those of `slots` are given; zeros for the others. */
function spread(
  vectors: Float32Array,
  slots: Uint32Array,
  { first, end, dimension }: { first: number; end: number; dimension: number },
): Float32Array {
  if (slots.length === end - first) return vectors
  const all = new Float32Array((end - first) * dimension)
  for (const [index, slot] of slots.entries()) {
    const vector = vectors.subarray(index * dimension, (index + 1) * dimension)
    all.set(vector, (slot - first) * dimension)
  }
  return all
}
