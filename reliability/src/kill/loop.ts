// Kills a writing process again and again, and holds what the next one finds against what was
// acknowledged through the pipe.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Random, randomFrom, under } from '../random.js'
import type { BackendName } from '../site.js'
import { fill, isLarge } from './fill.js'
import type { Message, Start } from './messages.js'
import { Oracle } from './oracle.js'
import { Pace } from './pace.js'
import { Child, type Ended } from './process.js'

export interface KillOptions {
  readonly backend: BackendName
  readonly cycles: number
  readonly seed: number
  /** Where databases are made and, unless something is wrong with them, removed. */
  readonly directory: string
  readonly broken?: Start['broken']
  /** Called after each cycle; false ends the loop. */
  readonly onCycle?: (report: KillReport) => boolean
}

export interface KillReport {
  cycles: number
  kills: number
  /** Where the process was when it was killed. */
  readonly killedWhile: Record<string, number>
  acknowledged: number
  interrupted: number
  /** Times that what an open found was compared. */
  inspections: number
  readonly problems: string[]
}

/** A database goes through so many processes before the next one is begun. */
const livesPerDatabase = 40
const operationsMax = 60

export async function killLoop(options: KillOptions): Promise<KillReport> {
  const report: KillReport = {
    cycles: 0,
    kills: 0,
    killedWhile: {},
    acknowledged: 0,
    interrupted: 0,
    inspections: 0,
    problems: [],
  }
  const random = randomFrom(options.seed)
  const pace = new Pace()
  let next = new Child()
  try {
    for (let database = 1; report.cycles < options.cycles; database++) {
      const path = await mkdtemp(join(options.directory, 'kill-'))
      const oracle = new Oracle()
      const large = isLarge(database)
      if (large) await fill(path, options.backend, oracle)
      for (let life = 0; life < livesPerDatabase && report.cycles < options.cycles; life++) {
        const child = next
        next = new Child()
        await cycle(child, { ...options, path, large }, random, pace, oracle, report)
        if (report.problems.length > 0) return report
        if (options.onCycle?.(report) === false) return report
      }
      report.acknowledged += oracle.acknowledgedChanges
      report.interrupted += oracle.interruptedChanges
      await rm(path, { recursive: true })
    }
  } finally {
    await next.discard()
  }
  return report
}

async function cycle(
  child: Child,
  options: KillOptions & Pick<Start, 'path' | 'large'>,
  random: Random,
  pace: Pace,
  oracle: Oracle,
  report: KillReport,
): Promise<void> {
  const { path, large, backend, broken } = options
  report.cycles++
  const start: Start = {
    path,
    backend,
    seed: under(random, 2 ** 31),
    version: report.cycles * 1_000,
    operations: under(random, operationsMax),
    large,
    broken,
  }
  const began = performance.now()
  let stage = 'open'
  const fail = (text: string) => {
    report.problems.push(`cycle ${report.cycles}, seed ${options.seed}, ${path}: ${text}`)
  }
  const hear = (message: Message) => {
    if (message.event === 'begin') oracle.begin(message.number, message.operation)
    else if (message.event === 'end') oracle.end(message.number)
    else if (message.event === 'problem') fail(message.text)
    else if (message.event === 'state') {
      report.inspections++
      pace.opened(performance.now() - began)
      const wrong = oracle.found(message.points)
      if (wrong !== undefined) fail(wrong)
      message.problems.forEach(fail)
    }
    stage = stageAfter(message, stage)
  }
  const ended = await child.live(start, pace.moment(random, large), hear)
  oracle.died()
  note(ended, stage, report, fail)
}

function stageAfter(message: Message, stage: string): string {
  if (message.event === 'opened') return 'inspect'
  if (message.event === 'stage') return message.name
  if (message.event === 'closed') return 'closed'
  return message.event === 'begin' ? message.operation.kind : stage
}

function note(ended: Ended, stage: string, report: KillReport, fail: (text: string) => void) {
  if (ended.signal === 'SIGKILL') {
    report.kills++
    report.killedWhile[stage] = (report.killedWhile[stage] ?? 0) + 1
  } else if (ended.exitCode !== 0 || stage !== 'closed') {
    fail(`the process ended with ${ended.signal ?? ended.exitCode} while it was in ${stage}`)
  }
}
