// The naive model of a collection.
import type { Metric } from '@annulus/native'
import type { Filter, PointId } from '../src/index.js'
import { fulfils, type Payload } from './model-points.js'
import { exactScore, isBetter } from './world.js'

interface StoredPoint {
  readonly vector: Float32Array
  readonly payload: Payload | undefined
}

/** Results that were due, that came, and that came and were right. */
export class Tally {
  due = 0
  came = 0
  right = 0

  add(other: Tally): void {
    this.due += other.due
    this.came += other.came
    this.right += other.right
  }
}

/** What must be true: a map from ids to points, and brute force. */
export class Model {
  readonly points = new Map<PointId, StoredPoint>()
  readonly metric: Metric
  commands = 0
  /** Results that searches should and did find, and how often each way was gone. */
  readonly tallies = { wide: new Tally(), narrow: new Tally() }
  readonly strategies = new Map<string, number>()
  /** Points that were given the slot of an earlier one. */
  reused = 0

  constructor(metric: Metric) {
    this.metric = metric
  }

  /** Equal scores make several answers right: what counts is being as good as the worst that is due. */
  note(strategy: string, ef: number, best: readonly number[], scores: readonly number[]): void {
    this.strategies.set(strategy, (this.strategies.get(strategy) ?? 0) + 1)
    const worst = best.at(-1) ?? 0
    const slack = isBetter(this.metric, 1, 0) ? 1e-5 : -1e-5
    const tally = ef < 10 ? this.tallies.narrow : this.tallies.wide
    tally.due += best.length
    tally.came += scores.length
    tally.right += scores.filter((score) => !isBetter(this.metric, worst, score + slack)).length
  }

  matching(filter: Filter<Payload> | undefined): PointId[] {
    return [...this.points].filter(([, { payload }]) => fulfils(payload, filter)).map(([id]) => id)
  }

  score(query: ArrayLike<number>, id: PointId): number {
    const point = this.points.get(id)
    if (point === undefined) throw new Error(`the model has no point ${String(id)}`)
    return exactScore(this.metric, query, point.vector)
  }

  /** Scores of the best matching points, best first. */
  best(query: ArrayLike<number>, filter: Filter<Payload> | undefined, limit: number): number[] {
    const scores = this.matching(filter).map((id) => this.score(query, id))
    return scores.sort((a, b) => (isBetter(this.metric, a, b) ? -1 : 1)).slice(0, limit)
  }
}
