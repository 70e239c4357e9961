// Cuts the power of a mounted disk under a writing process, or makes calls for LMDB's file fail, again
// and again, and holds what the next process finds against what was acknowledged.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fill, isLarge } from '../kill/fill.js'
import type { Message, Start } from '../kill/messages.js'
import { Oracle } from '../kill/oracle.js'
import { Pace } from '../kill/pace.js'
import { Child } from '../kill/process.js'
import { oneOf, randomFrom, under } from '../random.js'
import type { BackendName } from '../site.js'
import { Disk } from './disk.js'

export interface StrikeOptions {
  readonly program: string
  readonly backend: BackendName
  readonly strike: 'cut' | 'fault'
  readonly strikes: number
  readonly seed: number
  readonly directory: string
  /** What has this in its path is never synced: a bug on purpose. */
  readonly forgets?: string
}

export interface StrikeReport {
  strikes: number
  /** Of the cuts, those after which each unsynced sector and name was there or not. */
  torn: number
  /** Calls that failed, and the processes that lmdb ended over it. */
  injected: number
  died: number
  acknowledged: number
  interrupted: number
  inspections: number
  readonly problems: string[]
}

/** A database goes through so many cuts before the next one is begun. */
const livesPerDatabase = 25
/** `lost`: the sync fails, and what it should have made durable is gone, as after a failed writeback. */
const faults: [readonly string[], ...(readonly string[])[]] = [
  ['write', 'eio'],
  ['write', 'enospc'],
  // Not of a meta page: those are within a sector, which a disk writes whole.
  ['write', 'short', 'range=8192-1099511627776'],
  ['fsync', 'eio'],
  ['fsync', 'lost'],
]
const operationsMax = 60

export async function strikeLoop(options: StrikeOptions): Promise<StrikeReport> {
  const loop = new StrikeLoop(options)
  try {
    while (!loop.done) await loop.database()
  } finally {
    await loop.end()
  }
  return loop.report
}

class StrikeLoop {
  readonly report: StrikeReport = {
    strikes: 0,
    torn: 0,
    injected: 0,
    died: 0,
    acknowledged: 0,
    interrupted: 0,
    inspections: 0,
    problems: [],
  }
  readonly #options: StrikeOptions
  readonly #random
  readonly #pace = new Pace()
  #next = new Child()
  #version = 0
  #databases = 0
  /** The last fault, for people. */
  #fault = ''

  constructor(options: StrikeOptions) {
    this.#options = options
    this.#random = randomFrom(options.seed)
  }

  get done(): boolean {
    return this.report.problems.length > 0 || this.report.strikes >= this.#options.strikes
  }

  end(): Promise<void> {
    return this.#next.discard()
  }

  async database(): Promise<void> {
    const backing = await mkdtemp(join(this.#options.directory, 'cut-'))
    const oracle = new Oracle()
    const large = isLarge(++this.#databases)
    // Names become durable with their file, as on usual file systems, or only with their directory.
    const names = this.#random() < 0.5 ? 'createsync=on' : 'createsync=off'
    for (let life = 0; life < livesPerDatabase && !this.done; life++) {
      const disk = await Disk.mount(this.#options.program, backing, [names])
      try {
        const path = join(disk.path, 'db')
        if (large && life === 0) await fill(path, this.#options.backend, oracle)
        await this.#life(path, disk, oracle, large)
      } finally {
        await disk.unmount()
      }
    }
    this.report.acknowledged += oracle.acknowledgedChanges
    this.report.interrupted += oracle.interruptedChanges
    if (this.report.problems.length === 0) await rm(backing, { recursive: true })
  }

  async #life(path: string, disk: Disk, oracle: Oracle, large: boolean): Promise<void> {
    const { backend, forgets } = this.#options
    const random = this.#random
    const child = this.#next
    this.#next = new Child()
    this.#version += 1_000
    const start: Start = {
      path,
      backend,
      seed: under(random, 2 ** 31),
      version: this.#version,
      operations: under(random, operationsMax),
      large,
      forgets,
    }
    const began = performance.now()
    const hear = (message: Message) => {
      // A process without a disk may say anything; only what it had begun before still counts.
      if (message.event === 'begin') oracle.begin(message.number, message.operation)
      else if (!struck || (this.#options.strike === 'fault' && message.event === 'end')) {
        this.#heard(message, oracle, began)
      }
    }
    let struck = false
    const strike = async (kill: () => void) => {
      struck = true
      this.report.strikes++
      if (this.#options.strike === 'fault') await this.#makeFail(disk)
      else await this.#cut(disk).finally(kill)
    }
    const { signal, exitCode } = await child.live(
      start,
      this.#pace.moment(random, large),
      hear,
      strike,
    )
    oracle.died()
    if (!struck && exitCode !== 0) this.#fail(`it ended with ${signal ?? exitCode}`)
    if (struck && this.#options.strike === 'fault') {
      if (signal !== undefined) this.report.died++
      this.report.injected += await disk.heal()
      await this.#cut(disk)
    }
  }

  async #cut(disk: Disk): Promise<void> {
    const torn = this.#random() < 0.7
    if (torn) this.report.torn++
    await disk.cut(torn ? under(this.#random, 2 ** 31) : undefined)
  }

  async #makeFail(disk: Disk): Promise<void> {
    const random = this.#random
    const words = oneOf(random, faults)
    this.#fault = words.join(' ')
    const times = random() < 0.5 ? ['count=1'] : []
    await disk.fault(...words, 'path=annulus.mdb', `skip=${under(random, 4)}`, ...times)
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
    this.report.problems.push(
      `strike ${this.report.strikes}, seed ${this.#options.seed}, ${this.#fault}: ${text}`,
    )
  }
}
