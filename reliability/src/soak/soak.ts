// A long mixed load in one process that must not grow, beside one that is killed again and again.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type KillReport, killLoop } from '../kill/loop.js'
import type { BackendName } from '../site.js'
import type { SoakSample, SoakStart } from './worker.js'

export interface SoakOptions {
  readonly backend: BackendName
  readonly seconds: number
  readonly seed: number
  readonly directory: string
  readonly onSample?: (sample: SoakSample) => void
}

export interface SoakReport {
  readonly seconds: number
  readonly reopens: number
  readonly searches: number
  readonly writes: number
  readonly kills: number
  /** Growth after the first sixth of the time, fitted through all samples. */
  readonly rssMiBPerHour: number
  readonly rssMiB: readonly [first: number, last: number]
  readonly descriptors: readonly [first: number, last: number, max: number]
  readonly threads: readonly [first: number, last: number]
  /** Medians of the samples' percentiles, in the first and the last third after the warm-up. */
  readonly p50Ms: readonly [first: number, last: number]
  readonly p99Ms: readonly [first: number, last: number]
  readonly problems: readonly string[]
}

const killPauseMs = 10_000
const program = fileURLToPath(new URL('../../dist/soak/worker.js', import.meta.url))

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { backend, seconds, seed } = options
  const path = await mkdtemp(join(options.directory, 'soak-'))
  const child = fork(program)
  const samples: SoakSample[] = []
  child.on('message', (sample: SoakSample) => {
    samples.push(sample)
    options.onSample?.(sample)
  })
  const start: SoakStart = { path, backend, seconds, seed }
  child.send(start)
  const ended = once(child, 'exit')
  let over = false
  const killing = killNowAndThen(options, () => over)
  const [code] = await ended
  over = true
  const killed = await killing
  const problems = [
    ...(code === 0 ? [] : [`the process ended with ${code}`]),
    ...killed.problems,
    ...samples.flatMap((sample) => sample.problems),
  ]
  if (problems.length === 0) await rm(path, { recursive: true })
  return { ...summary(samples), kills: killed.kills, problems }
}

async function killNowAndThen(options: SoakOptions, over: () => boolean): Promise<KillReport> {
  const { backend, directory } = options
  let last: KillReport | undefined
  const problems: string[] = []
  let kills = 0
  for (let round = 0; last === undefined || !over(); round++) {
    last = await killLoop({ backend, directory, cycles: 3, seed: options.seed + round })
    kills += last.kills
    problems.push(...last.problems)
    for (let waited = 0; waited < killPauseMs && !over(); waited += 500) await pause(500)
  }
  return { ...last, kills, problems }
}

/** What the samples say once the first sixth of them is taken for warming up. */
export function summary(samples: readonly SoakSample[]): Omit<SoakReport, 'kills' | 'problems'> {
  const warm = samples.slice(Math.floor(samples.length / 6))
  const third = Math.max(1, Math.floor(warm.length / 3))
  const firstAndLast = (value: (sample: SoakSample) => number): [number, number] => [
    median(warm.slice(0, third).map(value)),
    median(warm.slice(-third).map(value)),
  ]
  const sum = (value: (sample: SoakSample) => number) =>
    samples.reduce((total, sample) => total + value(sample), 0)
  const descriptors = firstAndLast((sample) => sample.descriptors)
  return {
    seconds: samples.at(-1)?.seconds ?? 0,
    reopens: samples.length,
    searches: sum((sample) => sample.searches),
    writes: sum((sample) => sample.writes),
    rssMiBPerHour: 3_600 * slope(warm.map(({ seconds, rssMiB }) => [seconds, rssMiB])),
    rssMiB: firstAndLast((sample) => sample.rssMiB),
    descriptors: [...descriptors, Math.max(...warm.map((sample) => sample.descriptors))],
    threads: firstAndLast((sample) => sample.threads),
    p50Ms: firstAndLast((sample) => sample.p50Ms),
    p99Ms: firstAndLast((sample) => sample.p99Ms),
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Of the straight line nearest to the points, by least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return variance === 0 ? 0 : covariance / variance
}
