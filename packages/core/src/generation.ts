// One generation of a vector index: codes trained once and the graph built over them.
import type { HnswIndex } from '@annulus/hnsw'
import { AnnulusError, type SourceHandle } from '@annulus/native'
import type { Codes } from '@annulus/quantization'
import { DriftTest } from './drift.js'
import type { SlotTable } from './slot-table.js'

/**
 * Slots [0, encoded) have codes and slots [0, linked) are in the graph, except those that died before
 * their turn came. Graph and codes are changed by one job at a time (`exclusively`); slots that die
 * meanwhile leave the graph when the job is done.
 */
export class Generation {
  readonly codes: Codes
  /** Points that the quantizer was trained among. */
  readonly trainedOn: number
  graph: HnswIndex | undefined
  encoded: number
  linked: number
  readonly drift = new DriftTest()
  readonly #deferred: number[] = []
  #codesSource: SourceHandle | undefined
  #graphSource: SourceHandle | undefined
  #busy = false
  #users = 0
  #retired: (() => void) | undefined

  constructor(codes: Codes, trainedOn: number, encoded = 0) {
    this.codes = codes
    this.trainedOn = trainedOn
    this.encoded = encoded
    this.linked = 0
  }

  /** True while the parts are written to files: codes must stay as they are. */
  saving = false

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

  /** Slots that died; ones that are not linked yet will be skipped when their turn comes. */
  remove(slots: readonly number[]): void {
    for (const slot of slots) this.#deferred.push(slot)
    if (!this.#busy) this.#applyRemovals()
  }

  /** Takes every dead slot out of a graph that was just loaded. */
  removeDead(table: SlotTable): void {
    const dead: number[] = []
    for (let slot = 0; slot < this.linked; slot++) if (!table.live.has(slot)) dead.push(slot)
    this.remove(dead)
  }

  /** The codes for native searches; made once. */
  codesSource(): SourceHandle {
    this.#codesSource ??= this.codes.source()
    return this.#codesSource
  }

  /** The graph for native searches; made once, for a generation never changes its graph. */
  graphSource(graph: HnswIndex): SourceHandle {
    this.#graphSource ??= graph.source()
    return this.#graphSource
  }

  /** Uses the generation during `work`: it is not closed before. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    this.#users++
    try {
      return await work()
    } finally {
      if (--this.#users === 0) this.#retired?.()
    }
  }

  /** Closes graph and codes once nobody uses them any more. */
  async close(): Promise<void> {
    if (this.#users > 0)
      await new Promise<void>((resolve) => {
        this.#retired = resolve
      })
    this.#codesSource = undefined
    this.#graphSource = undefined
    await this.graph?.close()
    this.codes.close()
  }

  #applyRemovals(): void {
    const dead = this.#deferred.filter((slot) => slot < this.linked)
    this.#deferred.length = 0
    if (dead.length > 0) this.graph?.remove(Uint32Array.from(dead))
  }
}
