// Cuts the power of a real file system under a writing process, again and again, and holds what the
// next process finds against what was acknowledged before the cut.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Message, Start } from '../kill/messages.js'
import { Oracle } from '../kill/oracle.js'
import { Pace } from '../kill/pace.js'
import { Child } from '../kill/process.js'
import { randomFrom, under } from '../random.js'
import type { BackendName } from '../site.js'
import { Disk } from './disk.js'

export interface CutLoopOptions {
  readonly program: string
  readonly backend: BackendName
  readonly cuts: number
  readonly seed: number
  readonly directory: string
  /** What has this in its path is never synced: a bug on purpose. */
  readonly forgets?: string
}

export interface CutLoopReport {
  cuts: number
  /** Of the cuts, those after which each unsynced sector and name was there or not. */
  torn: number
  acknowledged: number
  interrupted: number
  inspections: number
  readonly problems: string[]
}

/** A database goes through so many cuts before the next one is begun. */
const livesPerDatabase = 25
const operationsMax = 60

export async function cutLoop(options: CutLoopOptions): Promise<CutLoopReport> {
  const loop = new CutLoop(options)
  try {
    while (!loop.done) await loop.database()
  } finally {
    await loop.end()
  }
  return loop.report
}

class CutLoop {
  readonly report: CutLoopReport = {
    cuts: 0,
    torn: 0,
    acknowledged: 0,
    interrupted: 0,
    inspections: 0,
    problems: [],
  }
  readonly #options: CutLoopOptions
  readonly #random
  readonly #pace = new Pace()
  #next = new Child()
  #version = 0

  constructor(options: CutLoopOptions) {
    this.#options = options
    this.#random = randomFrom(options.seed)
  }

  get done(): boolean {
    return this.report.problems.length > 0 || this.report.cuts >= this.#options.cuts
  }

  end(): Promise<void> {
    return this.#next.discard()
  }

  async database(): Promise<void> {
    const backing = await mkdtemp(join(this.#options.directory, 'cut-'))
    const oracle = new Oracle()
    // Names become durable with their file, as on usual file systems, or only with their directory.
    const names = this.#random() < 0.5 ? 'createsync=on' : 'createsync=off'
    for (let life = 0; life < livesPerDatabase && !this.done; life++) {
      const disk = await Disk.mount(this.#options.program, backing, [names])
      try {
        await this.#life(disk, oracle)
      } finally {
        await disk.unmount()
      }
    }
    this.report.acknowledged += oracle.acknowledgedChanges
    this.report.interrupted += oracle.interruptedChanges
    if (this.report.problems.length === 0) await rm(backing, { recursive: true })
  }

  async #life(disk: Disk, oracle: Oracle): Promise<void> {
    const { backend, forgets } = this.#options
    const random = this.#random
    const child = this.#next
    this.#next = new Child()
    this.#version += 1_000
    const start: Start = {
      path: join(disk.path, 'db'),
      backend,
      seed: under(random, 2 ** 31),
      version: this.#version,
      operations: under(random, operationsMax),
      forgets,
    }
    const tornSeed = random() < 0.7 ? under(random, 2 ** 31) : undefined
    const began = performance.now()
    let dark = false
    const strike = async (kill: () => void) => {
      dark = true
      await disk.cut(tornSeed).finally(kill)
    }
    const hear = (message: Message) => {
      // A process without a disk may say anything; only what it had begun before still counts.
      if (message.event === 'begin') oracle.begin(message.number, message.operation)
      else if (!dark) this.#heard(message, oracle, began)
    }
    const ended = await child.live(start, this.#pace.moment(random), hear, strike)
    oracle.died()
    if (dark) this.report.cuts++
    if (dark && tornSeed !== undefined) this.report.torn++
    if (!dark && ended.exitCode !== 0) this.#fail(`it ended with ${ended.signal ?? ended.exitCode}`)
  }

  #heard(message: Message, oracle: Oracle, began: number): void {
    if (message.event === 'end') oracle.end(message.number)
    else if (message.event === 'problem') this.#fail(message.text)
    else if (message.event === 'state') {
      this.report.inspections++
      this.#pace.opened(performance.now() - began)
      const wrong = oracle.found(message.points)
      if (wrong !== undefined) this.#fail(wrong)
      for (const problem of message.problems) this.#fail(problem)
    }
  }

  #fail(text: string): void {
    this.report.problems.push(`cut ${this.report.cuts}, seed ${this.#options.seed}: ${text}`)
  }
}
