// From dead slots to free ones: out of the graph first, then out of the sight of every reader, in this
// process and in others that read the same database.
import { setTimeout as delay } from 'node:timers/promises'
import type { Generation } from './generation.js'
import type { IndexJobs } from './index-jobs.js'
import type { Readers } from './readers.js'
import type { SlotSet } from './slot-set.js'
import type { SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/**
 * Dead slots are made free once they are this part of all: searches walk past them until then, and a repair is to be
 * worth its pass over all nodes.
 */
const deadShare = 0.02
/** A repair is behind once this part of the graph was removed. */
const behindShare = 2 * deadShare

/** Longest pause between two looks whether another process still reads what was removed. */
const pauseMsMax = 250

export interface ReclaimingOptions {
  readonly table: SlotTable
  readonly readers: Readers
  readonly reclaimFrom: number
  readonly database: Pick<Store, 'flush' | 'transaction' | 'oldestReader'>
}

export class Reclaiming {
  readonly #options: ReclaimingOptions
  readonly #jobs: IndexJobs
  readonly #onReleased: () => void
  /** Dead slots are being released as soon as those who read them have ended. */
  #releasing: Promise<void> | undefined
  /** All dead slots are to be made free, however few they are. */
  #wanted = false
  /** A repair that goes on beside other jobs. */
  beside: Promise<void> | undefined

  readonly #onFailed: (cause: unknown) => void

  constructor(
    options: ReclaimingOptions,
    jobs: IndexJobs,
    onReleased: () => void,
    onFailed: (cause: unknown) => void,
  ) {
    this.#options = options
    this.#jobs = jobs
    this.#onReleased = onReleased
    this.#onFailed = onFailed
  }

  /** Whether it is worth while now. Never beside a rebuild, whose graph would keep the slots. */
  isDue(current: Generation | undefined, rebuilding: boolean): boolean {
    const { table, reclaimFrom } = this.#options
    if (this.beside !== undefined) return false
    if (current !== undefined && current.blocked.size > 0) return true
    if (this.#releasing !== undefined || rebuilding) return false
    if (this.#wanted) return table.dead > 0
    return table.dead > 0 && table.dead >= Math.max(reclaimFrom, table.slots * deadShare)
  }

  /** Whether a repair goes on and searches have more to walk past than they should. */
  isBehind(current: Generation | undefined): boolean {
    if (this.beside === undefined || current?.graph === undefined) return false
    const { nodes, removed } = current.graph.stats()
    return removed > behindShare * (nodes + removed)
  }

  /**
   * Takes what died out of the graph; its slots may be used again once nobody reads them any more. Slots
   * that wait for their old nodes to go wait for all of it; else it goes on by itself.
   */
  async run(current: Generation | undefined, rebuilding: boolean): Promise<void> {
    this.#wanted = false
    const repair = this.#repair(current, rebuilding)
    if (current !== undefined && current.blocked.size > 0) return repair
    this.beside = repair.catch(this.#onFailed).finally(() => {
      this.beside = undefined
    })
  }

  async #repair(current: Generation | undefined, rebuilding: boolean): Promise<void> {
    const dead = await this.#jobs.repair(current)
    if (rebuilding || this.#releasing !== undefined) return
    // A failure latches all writing, so nobody would want the slots.
    this.#releasing = this.#release(dead).catch(() => undefined)
  }

  /**
   * Makes all dead slots free, however few. False, and they stay, where somebody who may stay for long
   * reads them: an iteration, a backup, another process.
   *
   * @param settled does what is to be done in the background
   */
  async all(settled: () => Promise<void>): Promise<boolean> {
    await settled()
    if (await this.heldUp()) return false
    await this.#releasing
    this.#wanted = true
    await settled()
    await this.#releasing
    return true
  }

  /** Whether somebody reads what was removed who may do so for long, in this process or another. */
  async heldUp(): Promise<boolean> {
    const { readers, database } = this.#options
    await database.flush()
    const { transaction } = database
    for (let ms = 1; ms <= pauseMsMax; ms *= 2) {
      if (readers.pinned) return true
      if (database.oldestReader() >= transaction) return false
      await delay(ms, undefined, { ref: false })
    }
    return true
  }

  async #release(dead: SlotSet): Promise<void> {
    const { table, readers, database } = this.#options
    // Until the removals survive power loss the old points may come back.
    await database.flush()
    const { transaction } = database
    await readers.passed()
    for (let ms = 1; database.oldestReader() < transaction; ms = Math.min(2 * ms, pauseMsMax)) {
      await delay(ms, undefined, { ref: false })
    }
    table.release(dead)
    this.#releasing = undefined
    this.#onReleased()
  }
}
