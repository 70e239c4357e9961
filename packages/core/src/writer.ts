// The one writer of a collection: checked groups in, durable commits out, many groups per commit.
import type { VectorStorage } from '@annulus/storage'
import { nowMs } from './clock.js'
import type { CollectionStore } from './collection-store.js'
import type { FieldIndex, SlotsByKey } from './field-index.js'
import type { FieldCheck } from './field-sum.js'
import type { Indexer } from './indexer.js'
import type { MemoryBudget } from './memory-budget.js'
import type { PayloadReader } from './payload-reader.js'
import { slicePoints, turn } from './points.js'
import type { Readers } from './readers.js'
import { slotsOf } from './slot-grant.js'
import type { SlotTable } from './slot-table.js'
import { writeVectors } from './vector-writes.js'
import type { Warmth } from './warmth.js'
import type { CollectionPace } from './write-pace.js'
import {
  addedBy,
  bytesOf,
  planWrites,
  prefetch,
  sizeOf,
  vectorsOf,
  type WriteCounts,
  type WriteInput,
  type WritePlan,
} from './write-plan.js'
import { type WriteRequest, WriteRequests } from './write-requests.js'

export interface WriterOptions {
  readonly storage: VectorStorage
  readonly store: CollectionStore
  readonly table: SlotTable
  readonly fields: FieldIndex
  readonly fieldCheck: FieldCheck
  readonly indexer: Indexer
  readonly readers: Readers
  readonly warmth: Warmth
  readonly payloads: PayloadReader
  readonly budget: MemoryBudget
  readonly pace: CollectionPace
  readonly onRemoved: (slots: readonly number[]) => void
  /** Slots that had other points before. */
  readonly onReused: (slots: readonly number[]) => void
  /** A write that was acknowledged before it was durable could not be made durable. */
  readonly onLost: (error: unknown) => void
}

/** What LMDB's thread does with puts takes about so many times the CPU time of making them (`write-cost.mjs`). */
const lmdbFactor = 2

export class Writer {
  readonly #options: WriterOptions
  readonly #queue = new WriteRequests()
  #running: Promise<void> | undefined
  #committing: Promise<void> | undefined
  #holds = 0
  readonly #held: (() => void)[] = []
  #sequence: number
  #durableSequence: number
  readonly #leave: () => void
  /** Whether somebody waits for the end of the commit: he is not to wait for rests as well. */
  readonly #isAwaited = () => this.#holds > 0
  /**
   * What slots removed by the last commit left in the payload index. It is cleared by the next one:
   * until a removal is visible, filters must still find the slot.
   */
  #unindexed: SlotsByKey
  commits = 0

  constructor(options: WriterOptions) {
    this.#options = options
    this.#sequence = options.store.state().sequence
    this.#durableSequence = this.#sequence
    this.#leave = this.#joinFlushes()
    this.#unindexed = new Map(
      options.store
        .unindexed()
        .map(([key, slots]) => [key.toString('latin1'), { key, slots: [...slots] }]),
    )
  }

  /** Number of the last commit that searches see. */
  get sequence(): number {
    return this.#sequence
  }

  /** Number of the last commit that survives power loss: slots freed by a later one are still named. */
  get durableSequence(): number {
    return this.#durableSequence
  }

  /** Makes everything acknowledged durable, then takes no part in flushes any more. */
  async close(): Promise<void> {
    try {
      await this.#options.store.database.flush()
    } finally {
      this.#leave()
    }
  }

  get fields(): FieldIndex {
    return this.#options.fields
  }

  /** Requests that wait for their commit. */
  get queued(): number {
    return this.#queue.length
  }

  /**
   * Resolves once the input is durable and visible. It is applied whole or not at all, in the order of
   * the calls, also where an input is still being prepared.
   */
  submit(input: Promise<WriteInput>, signal: AbortSignal | undefined): Promise<WriteCounts> {
    const outcome = this.#queue.add(input, signal)
    this.#running ??= this.#run()
    return outcome
  }

  /** Runs work between two commits: it begins when the one in hand is visible, and later ones wait. */
  async betweenCommits<T>(work: () => Promise<T>): Promise<T> {
    this.#holds++
    try {
      await this.#committing
      return await work()
    } finally {
      if (--this.#holds === 0) for (const proceed of this.#held.splice(0)) proceed()
    }
  }

  /**
   * Gives up the free slots at the end of the table, in a commit of its own: durable when it resolves. They
   * are handed out again as fresh ones, and nothing may keep what it knew of them.
   */
  cut(onCut: (end: number) => void): Promise<void> {
    return this.betweenCommits(async () => {
      const { table, store, fields, readers } = this.#options
      const end = table.used
      if (readers.pinned || end === table.slots) return
      const sequence = this.#sequence + 1
      const change = { from: end, to: end, removed: [], cutFrom: table.slots }
      await store.commit(() => {
        const unindexed = this.#unindexed.size
        store.putState({
          slots: end,
          points: table.live.size,
          sequence,
          fields: fields.sum,
          unindexed,
        })
        store.putChange(sequence, change)
      })
      this.#sequence = sequence
      this.#durableSequence = sequence
      this.commits++
      table.cut(end)
      onCut(end)
    })
  }

  async #run(): Promise<void> {
    // Requests made in the same turn of the event loop share the first commit.
    await Promise.resolve()
    for (let { head } = this.#queue; head !== undefined; { head } = this.#queue) {
      try {
        await head.ready
      } catch (error) {
        this.#queue.remove(head)
        head.reject(error)
        continue
      }
      await this.#options.pace.rest()
      await this.#options.indexer.room(addedBy(head.input))
      while (this.#holds > 0) await new Promise<void>((resolve) => this.#held.push(resolve))
      this.#committing = this.#serve(this.#queue.take())
      await this.#committing
    }
    // In the same step as the look at the queue, lest a request be forgotten in between.
    this.#running = undefined
  }

  async #serve(batch: readonly WriteRequest[]): Promise<void> {
    if (batch.length === 0) return
    try {
      const counts = await this.#commit(batch.flatMap(({ input }) => input ?? []))
      for (const [index, request] of batch.entries()) {
        request.resolve(counts[index] ?? { inserted: 0, replaced: 0, removed: 0 })
      }
    } catch (error) {
      if (batch.length > 1 && !this.#options.store.database.latch.tripped) {
        // Nothing was written yet: what failed one request must not fail its neighbours.
        for (const request of batch) await this.#serve([request])
        return
      }
      for (const request of batch) request.reject(error)
    }
  }

  async #commit(inputs: readonly WriteInput[]): Promise<WriteCounts[]> {
    const { store, table, indexer, fields, pace, onRemoved, onReused } = this.#options
    store.database.checkWritable()
    await store.database.room.check(inputs.reduce((bytes, input) => bytes + bytesOf(input), 0))
    await prefetch(inputs, this.#options)
    if (inputs.reduce((points, input) => points + sizeOf(input), 0) > slicePoints) await turn()
    const plan = pace.hold(() => planWrites(inputs, this.#options))
    if (plan.added.size === 0 && plan.removed.length === 0) return plan.counts
    const { first: from, end: to } = plan.grant
    if (to > table.slots) this.#options.budget.check(to, indexer.current)
    const reused = Array.from(plan.grant.reused).filter((slot) => plan.added.has(slot))
    await this.#options.fieldCheck.passed()
    const prepared = pace.hold(() => fields.prepare(plan.indexed, this.#unindexed))
    const { dimension } = this.#options.storage
    const slots = slotsOf(plan.grant)
    const vectors = vectorsOf(inputs, dimension).subarray(0, slots.length * dimension)
    const encoding = indexer.commits.encode(slots, vectors)
    await this.#store(slots, vectors).finally(() => encoding)
    // Linked before they are visible, points cost searches nothing but the work itself.
    const added = Uint32Array.from(plan.added.keys())
    const ahead = await indexer.commits.link(added, await encoding, pace.unless(this.#isAwaited))
    const sequence = this.#sequence + 1
    const points = table.live.size + plan.added.size - plan.removed.length
    const put = () => {
      this.#put(plan)
      fields.write(prepared)
      const unindexed = plan.unindexed.size
      store.putState({ slots: to, points, sequence, fields: prepared.sum, unindexed })
      store.putChange(sequence, { from, to, reused, removed: plan.removed })
      if (plan.unindexed.size > 0 || this.#unindexed.size > 0) {
        store.putUnindexed(Array.from(plan.unindexed.values(), ({ key, slots }) => [key, slots]))
      }
    }
    const applied = store.apply(() => {
      const start = nowMs()
      pace.hold(put)
      pace.spend(lmdbFactor * (nowMs() - start))
    })
    await applied.catch((error: unknown) => {
      indexer.commits.withdraw(ahead)
      throw error
    })
    fields.sum = prepared.sum
    this.#sequence = sequence
    if (store.database.durability === 'sync') this.#durableSequence = sequence
    this.#unindexed = plan.unindexed
    this.commits++
    pace.hold(() => {
      table.extend(to)
      plan.added.forEach(({ id }, slot) => {
        table.add(slot, id)
      })
      for (const slot of plan.removed) table.remove(slot)
      onRemoved(plan.removed)
      onReused(reused)
      indexer.commits.committed({ from, end: to, reused, removed: plan.removed }, ahead)
      indexer.wake()
    })
    for (const input of inputs) if ('group' in input) input.group.giveBack?.()
    return plan.counts
  }

  /** Vectors survive power loss before anything durable names their slots. */
  async #store(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    if (slots.length === 0) return
    const { storage, store, pace } = this.#options
    const { durability, latch } = store.database
    const writes = { storage, durability, pace, isAwaited: this.#isAwaited }
    await latch.guard(writeVectors(writes, slots, vectors))
  }

  #joinFlushes(): () => void {
    const { store, storage, onLost } = this.#options
    let sequence = this.#sequence
    return store.database.join({
      flush: () => {
        sequence = this.#sequence
        return storage.flush()
      },
      flushed: () => {
        this.#durableSequence = sequence
      },
      failed: onLost,
    })
  }

  #put(plan: WritePlan): void {
    const { store } = this.#options
    store.putIds(plan.slots)
    plan.added.forEach(({ record }, slot) => {
      store.putRecord(slot, record)
    })
    for (const slot of plan.removed) store.removeRecord(slot)
  }
}
