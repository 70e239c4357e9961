// Flips bits of LMDB's own file, whose pages have no checksums: how often it is found out, how often it
// changes nothing, and how often the process ends. An answer must never be wrong.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Outcome } from './flips.js'
import type { Attempt } from './lmdb-child.js'

export interface LmdbFlipReport {
  flips: number
  detected: number
  harmless: number
  /** Points are missing or contradict each other; `problems` has the first few. */
  wrong: number
  /** Processes that ended, or went on for longer than half a minute. */
  ended: number
  readonly problems: string[]
}

const program = fileURLToPath(new URL('../../dist/flips/lmdb-child.js', import.meta.url))
const attemptMsMax = 30_000
const examplesMax = 5

export async function flipLmdbBits(directory: string, step: number): Promise<LmdbFlipReport> {
  const report: LmdbFlipReport = {
    flips: 0,
    detected: 0,
    harmless: 0,
    wrong: 0,
    ended: 0,
    problems: [],
  }
  const pristine = await mkdtemp(join(directory, 'lmdb-'))
  await build(pristine, 'mmap')
  const bits = (await stat(join(pristine, 'annulus.mdb'))).size * 8
  let child = fork(program, { stdio: 'ignore' })
  for (let bit = 0; bit < bits; bit += step) {
    report.flips++
    const outcome = await attempt(child, { pristine, bit })
    if (outcome === undefined) {
      report.ended++
      child = fork(program, { stdio: 'ignore' })
    } else if (typeof outcome === 'string') report[outcome]++
    else {
      report.wrong++
      if (report.wrong <= examplesMax) report.problems.push(`bit ${bit}: ${outcome.wrong}`)
    }
  }
  child.kill()
  await rm(pristine, { recursive: true })
  await rm(`${pristine}-copy`, { recursive: true, force: true })
  return report
}

/** Undefined when the process did not survive it. */
async function attempt(child: ChildProcess, message: Attempt): Promise<Outcome | undefined> {
  const timer = setTimeout(() => child.kill('SIGKILL'), attemptMsMax)
  const settled = new AbortController()
  const { signal } = settled
  const exited = once(child, 'exit', { signal }).then(() => undefined)
  const answered = once(child, 'message', { signal }).then(([outcome]): Outcome => outcome)
  child.send(message)
  const outcome = await Promise.race([answered, exited])
  clearTimeout(timer)
  settled.abort()
  await Promise.allSettled([answered, exited])
  return outcome
}
