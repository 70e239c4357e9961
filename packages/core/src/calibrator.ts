// Measures, on a collection's own vectors, how wide a beam finds how much: one stored vector after the other is
// searched for as if it were not stored, and its true neighbours are sought among all codes.
import type { HnswIndex } from '@annulus/hnsw'
import {
  AbortError,
  AnnulusError,
  type Metric,
  type Pool,
  type ReaderHandle,
} from '@annulus/native'
import type { VectorStorage } from '@annulus/storage'
import type { Calibration } from './calibration.js'
import type { Generation } from './generation.js'
import { Nearest } from './nearest.js'
import { rank } from './ranking.js'
import { beamWidths, RecallSample } from './recall-sample.js'
import { parseSearch } from './search-options.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'

export interface CalibratorOptions {
  readonly pool: Pool
  readonly storage: VectorStorage
  /** The storage's own reader table, if it has one. */
  readonly reader: ReaderHandle | undefined
  readonly metric: Metric
  readonly table: SlotTable
  readonly generation: Generation
  readonly graph: HnswIndex
  readonly signal: AbortSignal
}

const limitsMeasured = [10, 100]
/** Codes compared at most, all queries together, as long as that leaves enough queries. */
const comparisonsMax = 30_000_000
const queriesMin = 200
const queriesMax = 300
/** Codes scanned at a time, which other work waits for. */
const sliceBytes = 4 << 20
/** True neighbours are taken from so many of the nearest codes. */
const candidates = 2_000

export class Calibrator {
  readonly #options: CalibratorOptions
  readonly #samples = limitsMeasured.map((limit) => new RecallSample(limit))
  readonly #slots: Uint32Array
  #next = 0

  constructor(options: CalibratorOptions) {
    this.#options = options
    const live = options.table.live.slots(0, options.table.slots)
    const affordable = Math.floor(comparisonsMax / Math.max(1, live.length))
    const count = Math.min(live.length, Math.max(queriesMin, Math.min(queriesMax, affordable)))
    const spread = (_: unknown, index: number) =>
      live[Math.floor(((index + 0.5) * live.length) / count)] ?? 0
    this.#slots = Uint32Array.from({ length: count }, spread)
  }

  /** What is measured; undefined while there are queries left. */
  get result(): Calibration | undefined {
    if (this.#next < this.#slots.length) return undefined
    return {
      points: this.#options.table.live.size,
      queries: this.#samples[0]?.queries ?? 0,
      tables: this.#samples.filter(({ queries }) => queries > 0).map((each) => each.table()),
    }
  }

  /** Takes the next query; one whose vectors cannot be read tells nothing. */
  async step(): Promise<void> {
    const slot = this.#slots[this.#next++]
    if (slot === undefined || !this.#options.table.live.has(slot)) return
    try {
      await this.#measure(slot)
    } catch (error) {
      if (error instanceof AbortError || !(error instanceof AnnulusError)) throw error
    }
  }

  async #measure(slot: number): Promise<void> {
    const { table, storage, signal } = this.#options
    const query = await storage.read(Uint32Array.of(slot), { signal })
    const searched = table.frozen()
    const truth = await this.#nearest(query, slot, searched)
    const beams = await this.#beams(query, slot, searched, truth)
    for (const [index, sample] of this.#samples.entries()) {
      const nearest = truth[index]
      if (nearest !== undefined) sample.add(nearest, beams)
    }
  }

  /** What beams find, nearest first, from narrow to wide, until one finds everything. */
  async #beams(
    query: Float32Array,
    slot: number,
    searched: SlotSet,
    truth: readonly (ReadonlySet<number> | undefined)[],
  ): Promise<Uint32Array[]> {
    const { graph, signal } = this.#options
    const beams: Uint32Array[] = []
    for (const ef of beamWidths) {
      const { slots } = await graph.search(query, { k: ef, ef, skip: slot, signal })
      // Points that came meanwhile have taken places, which the truth does not know.
      const found = slots.filter((each) => each !== slot && searched.has(each))
      beams.push(found)
      if (this.#samples.every(({ limit }, index) => findsAll(found, truth[index], limit))) break
    }
    return beams
  }

  /** The true nearest of each limit, as many more as are equally near; undefined where there are fewer. */
  async #nearest(
    query: Float32Array,
    slot: number,
    searched: SlotSet,
  ): Promise<(ReadonlySet<number> | undefined)[]> {
    const { slots, distances } = await this.#ranked(
      query,
      await this.#preselect(query, slot, searched),
    )
    return limitsMeasured.map((limit) => {
      const farthest = distances[limit - 1]
      if (farthest === undefined) return undefined
      return new Set(slots.filter((_, index) => (distances[index] ?? 0) <= farthest))
    })
  }

  /** The nearest codes of all but one slot, by a scan in slices that let other work go first. */
  async #preselect(query: Float32Array, slot: number, searched: SlotSet): Promise<SlotSet> {
    const { generation, signal } = this.#options
    const { codes } = generation
    const others = SlotSet.from(searched.words.slice())
    others.delete(slot)
    const step = 32 * Math.max(1, Math.floor(sliceBytes / codes.bytesPerVector / 32))
    const nearest = new Nearest(candidates)
    for (let from = 0; from < generation.encoded; from += step) {
      const to = Math.min(from + step, generation.encoded)
      const allowed = others.words
      const range = { k: candidates, allowed, from, to, background: true, signal }
      const found = await codes.scan(query, range)
      nearest.add(found.slots, found.distances)
    }
    const set = new SlotSet()
    for (const each of nearest.candidates().slots) set.add(each)
    return set
  }

  #ranked(query: Float32Array, among: SlotSet) {
    const { pool, storage, reader, metric, generation, signal } = this.#options
    const coverage = { coded: among, unlinked: new SlotSet(), uncoded: new SlotSet() }
    const ways = { pool, storage, reader, metric, generation }
    const scope = { ...ways, matching: among, filtered: true, coverage }
    const limit = Math.max(...limitsMeasured) + 1
    const options = { limit, oversampling: candidates / limit, signal }
    return rank(scope, query, 'scan', parseSearch(options))
  }
}

function findsAll(
  found: Uint32Array,
  truth: ReadonlySet<number> | undefined,
  limit: number,
): boolean {
  if (truth === undefined) return true
  let hits = 0
  for (const slot of found) if (truth.has(slot)) hits++
  return hits >= limit
}
