// One generation of a vector index: codes trained once and the graph built over them.
import type { HnswIndex } from '@annulus/hnsw'
import { AnnulusError, releaseHandle, type ScorerHandle } from '@annulus/native'
import type { Choice, Codes } from '@annulus/quantization'
import type { Calibration } from './calibration.js'
import { type Coverage, Coverages } from './coverage.js'
import { DriftTest } from './drift.js'
import { releaseAll } from './releasing.js'
import { SearchSources } from './search-sources.js'
import { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'
import { trainingVectorsMax } from './training.js'

/** Lends the distances of codes to what makes a graph, which then holds them by itself. */
export async function withScorer<T>(
  codes: Codes,
  use: (scorer: ScorerHandle) => T | Promise<T>,
): Promise<T> {
  const scorer = codes.scorer()
  try {
    return await use(scorer)
  } finally {
    releaseHandle(scorer)
  }
}

/** Whether there is room for another generation beside the current one. */
interface RebuildBudget {
  allowsRebuild(slots: number, current: Generation | undefined): boolean
}

/**
 * Live slots below `encoded` have codes and those below `linked` are in the graph, except those that
 * got another point lately: these are in `unencoded`, `unlinked` until their turn comes, and in
 * `blocked` while the graph still has their old node. Graph and codes are changed by one job at a time
 * (`exclusively`). Slots that die leave the graph at once, beside any job; those it does not have yet
 * are asked for again when the job is done, which may have been about to link them.
 */
export class Generation {
  readonly codes: Codes
  /** Points that the quantizer was trained among. */
  readonly trainedOn: number
  /** Why the codes are what they are, when a quantizer picked them. */
  readonly choice: Choice | undefined
  graph: HnswIndex | undefined
  /** Both as native searches take them. */
  readonly sources: SearchSources
  /** What beams find, once it is measured. */
  calibration: Calibration | undefined
  /** Whether beams are to be measured: not before a search has named a recall, for that costs as much as linking. */
  calibrates = false
  encoded: number
  linked: number
  /** Slots that got other points, and so other codes, since the generation was made or loaded. */
  reassignments = 0
  readonly drift = new DriftTest()
  readonly unencoded = new SlotSet()
  readonly unlinked = new SlotSet()
  readonly blocked = new SlotSet()
  #deferred: number[] = []
  #changes = 0
  readonly #coverages = new Coverages()
  #busy = false
  #users = 0
  #retired: (() => void) | undefined
  #hiding: Promise<void> | undefined
  #shown: (() => void) | undefined

  constructor(codes: Codes, trainedOn: number, encoded = 0, choice?: Choice) {
    this.codes = codes
    this.sources = new SearchSources(codes)
    this.trainedOn = trainedOn
    this.choice = choice
    this.encoded = encoded
    this.linked = 0
  }

  /** True while the parts are written to files: codes must stay as they are. */
  saving = false
  /** Whether codes are still to be read from their file. */
  get isLoading(): boolean {
    return (this.codes.loaded ?? this.codes.slots) < this.codes.slots
  }

  /** Codes trained among few points serve badly once there are many more; others outgrow their memory. */
  isOutgrown(table: SlotTable, graphFrom: number, budget: RebuildBudget): boolean {
    // Even so they stay where there is no room for others beside them.
    if (!budget.allowsRebuild(table.slots, this)) return false
    if (table.slots > (this.choice?.countMax ?? table.slots)) return true
    // Not worth it where the sample could not even double.
    if (this.trainedOn > trainingVectorsMax / 2) return false
    const startsGraph = this.graph === undefined && table.live.size >= graphFrom
    return table.live.size >= this.trainedOn * (startsGraph ? 2 : 8)
  }

  /** Runs a job that changes or saves codes or graph. Jobs do not overlap. */
  async exclusively<T>(job: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new AnnulusError('ANNULUS_INTERNAL', 'two jobs on one index generation')
    this.#busy = true
    try {
      return await job()
    } finally {
      this.#busy = false
      this.#applyRemovals()
    }
  }

  /** Encodes vectors into these slots, ascending. */
  encode(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    return this.use(() => this.codes.encode(slots, vectors))
  }

  /** Slots that died; ones that are not linked yet will be skipped when their turn comes. */
  remove(slots: readonly number[]): void {
    for (const slot of slots) {
      this.unencoded.delete(slot)
      this.unlinked.delete(slot)
      this.#deferred.push(slot)
    }
    this.#changes++
    this.#applyRemovals()
  }

  /** Slots that got other points, whose codes are there already or not. */
  reassign(slots: readonly number[], encoded: boolean): void {
    for (const slot of slots) {
      if (!encoded) this.unencoded.add(slot)
      this.unlinked.add(slot)
    }
    this.reassignments += slots.length
    this.#changes++
  }

  /** Slots from `end` on were given up: they have no nodes, and their codes are nobody's. */
  cut(end: number): void {
    this.encoded = Math.min(this.encoded, end)
    this.linked = Math.min(this.linked, end)
    this.reassignments++
    this.#changes++
  }

  /** A commit is about to link slots hidden; nothing may be saved before it has ended. */
  beginHiding(): void {
    this.#hiding = new Promise((resolve) => {
      this.#shown = resolve
    })
  }

  endHiding(): void {
    this.#hiding = undefined
    this.#shown?.()
  }

  /** Settles with the commit that links slots hidden; undefined when there is none. */
  get hiding(): Promise<void> | undefined {
    return this.#hiding
  }

  /** Shows slots that are linked hidden: fresh ones from `from` to `end`, and reassigned ones. */
  reveal(slots: Uint32Array, from: number, end: number): void {
    // Those that are not linked will be in their turn; the others are passed over then.
    if (this.graph?.reveal(slots) !== slots.length) return
    this.settle(this.unlinked, slots)
    if (this.linked === from) this.linked = end
  }

  /** Notes that slots have codes, or are linked, after all. */
  settle(pending: SlotSet, slots: Iterable<number>): void {
    for (const slot of slots) pending.delete(slot)
    this.#changes++
  }

  /**
   * Brings a graph that was just loaded up to date: `reassigned` slots got other points since it was
   * saved, others died.
   */
  reconcile(table: SlotTable, reassigned: SlotSet): void {
    this.reassign([...reassigned.intersection(table.live).slots(0, this.encoded)], false)
    if (this.graph === undefined) return
    const nodes = SlotSet.from(this.graph.occupied())
    const stale = nodes.intersection(this.unlinked)
    this.blocked.addWords(0, stale.words)
    this.graph.remove(nodes.without(table.live).slots())
    this.graph.remove(stale.slots())
    const absent = table.live.range(0, this.linked).without(nodes)
    this.unlinked.addWords(0, absent.words)
  }

  /** Where slots of a set that lasts are found now. */
  coverage(of: SlotSet, slots: number): Coverage {
    return this.#coverages.of(of, slots, this, this.#changes)
  }

  /** Uses the generation during `work`: it is not closed before. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.enter()
    try {
      return await work()
    } finally {
      this.leave()
    }
  }

  /** Begins a use; `leave` must follow. */
  enter(): void {
    this.#users++
  }

  leave(): void {
    if (--this.#users === 0) this.#retired?.()
  }

  /** Closes graph and codes once nobody uses them any more. */
  async close(): Promise<void> {
    if (this.#users > 0)
      await new Promise<void>((resolve) => {
        this.#retired = resolve
      })
    this.sources.release()
    await releaseAll([() => this.graph?.close(), () => this.codes.close()])
  }

  #applyRemovals(): void {
    const { graph } = this
    const dead = graph === undefined ? [] : this.#deferred.filter((slot) => graph.contains(slot))
    if (dead.length > 0) graph?.remove(Uint32Array.from(dead))
    this.#deferred = this.#busy ? this.#deferred.filter((slot) => !dead.includes(slot)) : []
  }
}
