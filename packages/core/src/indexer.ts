// The background index: trains, encodes and links in small jobs, one at a time, until nothing is left.
import { AbortError, AnnulusError } from '@annulus/native'
import type { Choice } from '@annulus/quantization'
import { asAnnulusError } from './background-error.js'
import { Backlog } from './backlog.js'
import { Calibrating, type CalibratingOptions } from './calibrating.js'
import type { Calibration } from './calibration.js'
import { CodesLoading } from './codes-loading.js'
import { CommitIndexing } from './commit-indexing.js'
import type { Drift } from './drift.js'
import type { Generation } from './generation.js'
import { type IndexJobOptions, IndexJobs } from './index-jobs.js'
import { Reclaiming, type ReclaimingOptions } from './reclaiming.js'
import { releaseAll } from './releasing.js'

export interface IndexerOptions extends IndexJobOptions, CalibratingOptions {
  readonly codesFrom: number
  readonly graphFrom: number
  readonly backlogMax: number
  readonly reclaimFrom: number
  readonly database: ReclaimingOptions['database']
  /** What was picked for codes that are lost; undefined without any. */
  readonly choice: Choice | undefined
  /** Codes in use turned out to be damaged while they were loaded, and are not in use any more. */
  readonly onCodesLost: (reason: AnnulusError) => void
  readonly onIdle: () => void
  readonly onDrift: (drift: Drift) => void
  readonly onError: (error: AnnulusError) => void
  /** Saves derived files if so many slots or commits are not saved yet; called between jobs. */
  readonly snapshot: (generation: Generation | undefined, changesMin: number) => Promise<void>
}

/** Changes after which a snapshot is due by itself, beside a quarter of the collection. */
const snapshotFrom = 10_000

export class Indexer {
  /** Writers that wait. */
  readonly waiting: Backlog
  /** What searches use; undefined while the collection is small. */
  current: Generation | undefined
  /** What will replace it. */
  #next: Generation | undefined
  readonly #options: IndexerOptions
  readonly #jobs: IndexJobs
  readonly reclaiming: Reclaiming
  readonly commits: CommitIndexing
  readonly #calibrating: Calibrating
  /** Of the codes in use, right after opening. */
  readonly loading: CodesLoading
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #failure: AnnulusError | undefined
  #rebuildWanted = false
  /** Save once this many changes are not saved; undefined when nobody asked. */
  #saveFrom: number | undefined

  constructor(options: IndexerOptions, current: Generation | undefined) {
    this.#options = options
    this.#jobs = new IndexJobs(options, this.#stop.signal)
    this.reclaiming = new Reclaiming(
      options,
      this.#jobs,
      () => this.wake(),
      (cause) => this.#fail(cause),
    )
    this.waiting = new Backlog(options.backlogMax)
    this.commits = new CommitIndexing({
      slots: () => options.table.slots,
      generations: () => this.generations,
      isSearched: () => this.waiting.isSearched,
      onEncoded: () => this.#lookForDrift(),
      onError: options.onError,
      signal: this.#stop.signal,
    })
    this.#calibrating = new Calibrating(options, this.#stop.signal)
    this.current = current
    const onCodesLost = (reason: AnnulusError) => {
      this.current = undefined
      options.onCodesLost(reason)
    }
    this.loading = new CodesLoading({ ...options, onCodesLost }, current)
  }

  /** Slots that wait for their codes or for their place in the graph. */
  get backlog(): number {
    const { table, codesFrom, graphFrom } = this.#options
    const { current } = this
    if (current === undefined) return table.live.size < codesFrom ? 0 : table.slots
    const wantsGraph = current.graph !== undefined || table.live.size >= graphFrom
    return wantsGraph
      ? table.slots - current.linked + current.unlinked.size
      : table.slots - current.encoded + current.unencoded.size
  }

  get state(): 'idle' | 'working' | 'failed' {
    if (this.#running !== undefined || this.reclaiming.beside !== undefined) return 'working'
    return this.#failure === undefined ? 'idle' : 'failed'
  }

  /** Kind of the codes in use and, where it was picked, why. */
  get codes(): { codes: string | undefined; reason: string | undefined } {
    return { codes: this.current?.codes.kind, reason: this.current?.choice?.reason }
  }

  /** What beams find in the index in use; asks for it to be measured where it was not. */
  wantCalibration(): Calibration | undefined {
    const { current } = this
    if (current !== undefined && !current.calibrates) {
      current.calibrates = true
      this.wake()
    }
    return current?.calibration
  }

  /** Starts working if there is anything to do. */
  wake(): void {
    if (this.#running !== undefined || this.#stop.signal.aborted) return
    this.#failure = undefined
    this.#running = this.#run()
  }

  /** Resolves when everything is indexed. Rejects with what stopped the background work, if anything. */
  async settled(): Promise<void> {
    while (this.state === 'working' || (this.#hasWork() && !this.#stop.signal.aborted)) {
      this.wake()
      await Promise.all([this.#running, this.reclaiming.beside])
      if (this.#failure !== undefined) throw this.#failure
    }
    if (this.#hasWork()) throw new AnnulusError('ANNULUS_CLOSED', 'closed while being indexed')
  }

  /** Trains and links everything anew beside the current index, then replaces it. */
  async rebuild(): Promise<void> {
    const { budget, table } = this.#options
    budget.checkRebuild(table.slots, this.current)
    this.#rebuildWanted = true
    await this.settled()
  }

  /** Saves derived files after the job in hand if at least `changesMin` changes are not saved. */
  async save(changesMin: number): Promise<void> {
    this.#saveFrom = Math.min(changesMin, this.#saveFrom ?? changesMin)
    while (this.#saveFrom !== undefined && !this.#stop.signal.aborted) {
      this.wake()
      await this.#running
      if (this.#failure !== undefined) throw this.#failure
    }
  }

  /** Waits until the backlog allows another group that adds so many points, and removals have room. */
  async room(points: number): Promise<void> {
    // A write must not wait for what has failed; the next commit tries again.
    while (!this.#stop.signal.aborted && this.#failure === undefined) {
      if (this.#isFull(points)) {
        this.wake()
        await this.waiting.changed()
      } else if (this.waiting.isSearched && this.reclaiming.isBehind(this.current)) {
        await this.reclaiming.beside
      } else return
    }
  }

  #isFull(points: number): boolean {
    return this.waiting.isFull(this.backlog, points, this.current?.graph !== undefined)
  }

  #lookForDrift(): void {
    const drift = this.current?.drift.observe(this.current.codes.fit)
    if (drift !== undefined) this.#options.onDrift(drift)
  }

  /** Ends after the job in hand. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.waiting.admit()
    await Promise.all([this.#running, this.reclaiming.beside])
  }

  async close(): Promise<void> {
    await this.stop()
    const loaded = () => this.loading.close()
    await releaseAll([() => this.#next?.close(), () => this.current?.close(), loaded])
  }

  async #run(): Promise<void> {
    // Nothing happens within the call that woke it.
    await Promise.resolve()
    try {
      while (this.#hasWork() && !this.#stop.signal.aborted) await this.#work()
    } catch (cause) {
      this.#fail(cause)
    }
    // In the same step as the last look for work, lest a call to wake be missed in between.
    this.#running = undefined
    this.waiting.admit()
  }

  async #work(): Promise<void> {
    const { snapshot, onIdle, table } = this.#options
    while (!this.#stop.signal.aborted) {
      const job = this.#job()
      if (job === undefined) break
      await job()
      this.#lookForDrift()
      this.waiting.admit()
      if (this.#isConsistent())
        await snapshot(this.current, Math.max(snapshotFrom, table.slots / 4))
    }
    if (!this.#stop.signal.aborted) onIdle()
  }

  #fail(cause: unknown): void {
    if (this.#stop.signal.aborted && cause instanceof AbortError) return
    this.#failure = asAnnulusError(cause)
    this.#saveFrom = undefined
    this.#rebuildWanted = false
    this.#options.onError(this.#failure)
  }

  #hasWork(): boolean {
    return this.#job() !== undefined
  }

  /** The next job, or undefined when all is done. */
  #job(): (() => Promise<void>) | undefined {
    const { table, codesFrom, graphFrom, backlogMax, budget } = this.#options
    const loading = this.loading.job(this.#stop.signal)
    if (loading !== undefined) return loading
    const saveFrom = this.#saveFrom
    if (saveFrom !== undefined && this.#isConsistent()) return () => this.#save(saveFrom)
    const rebuilding = this.#next !== undefined
    if (this.reclaiming.isDue(this.current, rebuilding)) {
      return () => this.reclaiming.run(this.current, rebuilding)
    }
    if (this.current === undefined) {
      return table.live.size >= codesFrom ? () => this.#serve() : undefined
    }
    const { current } = this
    // What will replace it may be outgrown as well, while points come fast: the sooner it is begun anew the better.
    const outgrown = () => (this.#next ?? current).isOutgrown(table, graphFrom, budget)
    if (this.#rebuildWanted || outgrown()) return () => this.#begin()
    const onCurrent = this.#jobOn(current)
    if (this.#next === undefined && onCurrent === undefined && this.#calibrating.isDue(current)) {
      return () => this.#calibrating.run(current)
    }
    if (this.#next === undefined || (onCurrent !== undefined && this.backlog > backlogMax / 2)) {
      return onCurrent
    }
    return this.#jobOn(this.#next) ?? (() => this.#replace())
  }

  #jobOn(generation: Generation): (() => Promise<void>) | undefined {
    const { table, graphFrom } = this.#options
    if (generation.encoded < table.slots || generation.unencoded.size > 0) {
      return () => this.#jobs.encode(generation, generation !== this.current)
    }
    if (generation.graph === undefined) {
      return table.live.size >= graphFrom ? () => this.#jobs.startGraph(generation) : undefined
    }
    return generation.linked < table.slots || generation.unlinked.size > 0
      ? () => this.#jobs.link(generation)
      : undefined
  }

  /** What is kept up to date: the index in use, and the one that will replace it. */
  get generations(): Generation[] {
    return [this.current, this.#next].filter((each) => each !== undefined)
  }

  /** Every slot has the code of its own point: what is saved may be loaded. */
  #isConsistent(): boolean {
    return this.current === undefined || this.current.unencoded.size === 0
  }

  async #serve(): Promise<void> {
    this.current = await this.#jobs.train(this.#options.choice)
  }

  async #begin(): Promise<void> {
    const generation = await this.#jobs.train(undefined, this.current)
    this.#rebuildWanted = false
    const abandoned = this.#next
    this.#next = generation
    await abandoned?.close()
  }

  async #replace(): Promise<void> {
    const retired = this.current
    this.current = this.#next
    this.#next = undefined
    if (this.current !== undefined) this.current.calibrates ||= retired?.calibrates === true
    await retired?.close()
  }

  async #save(changesMin: number): Promise<void> {
    await this.#options.snapshot(this.current, changesMin)
    this.#saveFrom = undefined
  }
}
