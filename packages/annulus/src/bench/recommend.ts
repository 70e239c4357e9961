import type { Backend, ExperimentRow } from './experiment.js'
import { latencyAt } from './table.js'

export interface Recommendation {
  /** Undefined where there was nothing to compare. */
  readonly backend: Backend | undefined
  /** Sentences for a person, with figures. */
  readonly reasons: readonly string[]
}

/** What to do, in two or three words. */
export function headline({ backend }: Recommendation): string {
  return backend === undefined ? 'No recommendation' : `Use ${backend}`
}

/** Differences below this share are taken as noise. */
const noise = 0.1

/**
 * Which backend suits the collection and the disk, from rows that were measured for both. `denied` is
 * why io_uring could not be measured although it was asked for.
 */
export function recommend(rows: readonly ExperimentRow[], denied?: string): Recommendation {
  const pairs = pairUp(rows)
  const [first] = rows
  if (first === undefined) throw new RangeError('there are no rows to judge')
  if (pairs.length === 0) {
    if (denied !== undefined) return { backend: 'mmap', reasons: [`no io_uring here: ${denied}`] }
    return {
      backend: undefined,
      reasons: [
        `only ${first.backend} was measured, as asked; without --backends both are compared`,
      ],
    }
  }
  const speedup = geometricMean(pairs.map(({ uring, mmap }) => mmap.seconds / uring.seconds))
  const tail = geometricMean(
    pairs.map(({ uring, mmap }) => latencyAt(mmap, 99) / latencyAt(uring, 99)),
  )
  const cache = `(page cache ${first.cache})`
  if (Math.abs(Math.log(speedup)) < Math.log(1 + noise)) {
    const backend = tail >= 1 ? 'io_uring' : 'mmap'
    return {
      backend,
      reasons: [
        `both take about the same time ${cache}: io_uring needs ${percent(1 / speedup)} of the time of mmap, within noise`,
        `${backend} has the shorter p99 latency, by a factor of ${Math.max(tail, 1 / tail).toFixed(2)}`,
      ],
    }
  }
  const backend = speedup > 1 ? 'io_uring' : 'mmap'
  return {
    backend,
    reasons: [
      `${backend} is ${Math.max(speedup, 1 / speedup).toFixed(1)} times faster over all rows ${cache}`,
      `its p99 latency is ${(speedup > 1 ? tail : 1 / tail).toFixed(1)} times ${(speedup > 1 ? tail : 1 / tail) >= 1 ? 'better' : 'that of the other'}`,
      backend === 'io_uring'
        ? 'many reads in flight keep the disk busy while few threads wait'
        : 'the vectors lie in memory, where a mapped read costs no system call',
    ],
  }
}

function pairUp(rows: readonly ExperimentRow[]): { uring: ExperimentRow; mmap: ExperimentRow }[] {
  const pairs = []
  for (const uring of rows.filter((row) => row.backend === 'io_uring')) {
    const mmap = rows.find(
      (row) =>
        row.backend === 'mmap' &&
        row.oversampling === uring.oversampling &&
        row.parallel === uring.parallel,
    )
    if (mmap !== undefined) pairs.push({ uring, mmap })
  }
  return pairs
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}
