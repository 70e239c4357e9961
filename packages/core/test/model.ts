// The naive model of a collection, and the commands that compare the two.
import type { Metric } from '@annulus/native'
import type { StorageFactory } from '@annulus/storage'
import fc from 'fast-check'
import { expect } from 'vitest'
import { type Collection, type Database, type Filter, open, type PointId } from '../src/index.js'
import { anyFilter, dimension, fulfils, id, type Payload, point, vector } from './model-points.js'
import { copyOf, exactScore, isBetter } from './world.js'

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

const rebuilt: string[] = []

/** The collection under test; reopening replaces the objects. */
export class Real {
  path: string
  db: Database
  collection: Collection<Payload>

  readonly storage: StorageFactory

  private constructor(
    path: string,
    storage: StorageFactory,
    db: Database,
    collection: Collection<Payload>,
  ) {
    this.path = path
    this.storage = storage
    this.db = db
    this.collection = collection
  }

  static async open(path: string, storage: StorageFactory, metric?: Metric): Promise<Real> {
    const db = await open(path, { storage, threads: 2 })
    // A crash loses no derived file: what was saved is always whole and fits.
    db.on('rebuilt', ({ file, reason }) => rebuilt.push(`${file}: ${reason.message}`))
    const schema =
      metric === undefined
        ? {}
        : { dimension, metric, indexedFields: ['color', 'tags'], hnsw: { m: 4 } }
    // Small bounds make the rare ways common.
    const tuning = { codesFrom: 20, graphFrom: 24, payloadCacheBytes: 4_000, reclaimFrom: 4 }
    const collection = await db.collection<Payload>('model', { ...schema, ...tuning })
    return new Real(path, storage, db, collection)
  }

  async reopen(path: string): Promise<void> {
    const { db, collection } = await Real.open(path, this.storage)
    Object.assign(this, { path, db, collection })
  }
}

type Command = fc.AsyncCommand<Model, Real>

class Named implements Command {
  readonly #name: string
  readonly #run: (model: Model, real: Real) => Promise<void>

  constructor(name: string, run: (model: Model, real: Real) => Promise<void>) {
    this.#name = name
    this.#run = run
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    model.commands++
    await this.#run(model, real)
    expect(rebuilt.splice(0)).toEqual([])
    expect(real.collection.size).toBe(model.points.size)
    const filter = { rank: 1 }
    expect(await real.collection.count({ filter })).toBe(model.matching(filter).length)
  }

  toString(): string {
    return this.#name
  }
}

function upsert(
  points: { id: PointId; vector: number[]; payload: Payload | undefined }[],
): Command {
  return new Named(`upsert ${fc.stringify(points)}`, async (model, real) => {
    const replaced = points.filter((each) => model.points.has(each.id)).length
    const free = real.collection.stats().freeSlots
    const counts = await real.collection.upsert(points)
    model.reused += Math.min(free, points.length)
    expect(counts).toEqual({ inserted: points.length - replaced, replaced, removed: 0 })
    for (const each of points) {
      model.points.set(each.id, { vector: Float32Array.from(each.vector), payload: each.payload })
    }
  })
}

function remove(ids: PointId[]): Command {
  return new Named(`delete ${fc.stringify(ids)}`, async (model, real) => {
    const there = new Set(ids.filter((each) => model.points.has(each)))
    expect((await real.collection.delete(ids)).removed).toBe(there.size)
    for (const each of there) model.points.delete(each)
  })
}

function get(ids: PointId[]): Command {
  return new Named(`get ${fc.stringify(ids)}`, async (model, real) => {
    const points = await real.collection.get(ids, { withVector: true })
    const expected = ids.map((each) => {
      const stored = model.points.get(each)
      if (stored === undefined) return undefined
      return {
        id: each,
        vector: stored.vector,
        ...(stored.payload === undefined ? {} : { payload: stored.payload }),
      }
    })
    expect(points).toEqual(expected)
  })
}

interface Searching {
  readonly query: number[]
  readonly limit: number
  readonly ef: number
  readonly exact: boolean
  readonly filter: Filter<Payload> | undefined
}

function search(searching: Searching): Command {
  const { query, limit, ef, exact, filter } = searching
  return new Named(`search ${fc.stringify(searching)}`, async (model, real) => {
    const { hits, diagnostics } = await real.collection.searchWithDiagnostics(query, {
      limit,
      ef,
      exact,
      oversampling: ef < 10 ? 1 : 3,
      ...(filter === undefined ? {} : { filter }),
    })
    const best = model.best(query, filter, limit)
    expect(new Set(hits.map((hit) => hit.id)).size).toBe(hits.length)
    const allowed = new Set(model.matching(filter))
    for (const [rank, hit] of hits.entries()) {
      expect(allowed.has(hit.id)).toBe(true)
      expect(hit.exact).toBe(true)
      expectClose(hit.score, model.score(query, hit.id))
      expect(hit.payload).toEqual(model.points.get(hit.id)?.payload)
      const next = hits[rank + 1]
      if (next !== undefined) expect(isBetter(model.metric, next.score, hit.score)).toBe(false)
    }
    expect(hits.length).toBeLessThanOrEqual(best.length)
    if (diagnostics.strategy === 'exact') {
      expect(hits.length).toBe(best.length)
      for (const [rank, hit] of hits.entries()) expectClose(hit.score, best[rank] ?? Number.NaN)
    }
    model.note(
      diagnostics.strategy,
      ef,
      best,
      hits.map((hit) => hit.score),
    )
  })
}

function expectClose(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-4 * Math.max(Math.abs(expected), 0.01))
}

function count(filter: Filter<Payload> | undefined): Command {
  return new Named(`count ${fc.stringify(filter)}`, async (model, real) => {
    const options = filter === undefined ? {} : { filter }
    expect(await real.collection.count(options)).toBe(model.matching(filter).length)
    const seen: PointId[] = []
    for await (const each of real.collection.points(options)) seen.push(each.id)
    expect(seen.map(name).sort()).toEqual(model.matching(filter).map(name).sort())
  })
}

function name(each: PointId): string {
  return `${typeof each} ${each}`
}

const reopen = new Named('reopen', async (_, real) => {
  await real.db.close()
  await real.reopen(real.path)
})

/** The files as they are, without anybody having closed them. */
const crash = new Named('crash', async (_, real) => {
  const copy = await copyOf(real.path)
  await real.db.close()
  await real.reopen(copy)
})

const flush = new Named('flush', (_, real) => real.collection.flush())
const indexed = new Named('wait for the index', async (model, real) => {
  await real.collection.waitForIndex()
  if (model.metric !== 'cosine') return
  const [first] = model.points.values()
  if (first === undefined) return
  // An estimate that is far off comes from the code of another point.
  for (const hit of await real.collection.search(first.vector, { limit: 20, rescore: false })) {
    expect(Math.abs(hit.score - model.score(first.vector, hit.id))).toBeLessThan(0.1)
  }
})
const optimize = new Named('optimize', (_, real) => real.collection.optimize())

const unique = { selector: (each: { id: PointId }) => name(each.id) }
const searching = fc.record({
  query: vector,
  limit: fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.nat(20).map((n) => n + 1),
  ),
  ef: fc.constantFrom(2, 2, 4, 128),
  exact: fc.boolean(),
  filter: anyFilter,
})

export const commands = fc.commands(
  [
    fc.uniqueArray(point, { minLength: 10, maxLength: 40, ...unique }).map(upsert),
    fc.uniqueArray(point, { minLength: 1, maxLength: 3, ...unique }).map(upsert),
    fc.array(id, { minLength: 1, maxLength: 8 }).map(remove),
    fc.array(id, { minLength: 1, maxLength: 5 }).map(get),
    searching.map(search),
    searching.map(search),
    searching.map(search),
    anyFilter.map(count),
    fc.constantFrom<Command>(reopen, crash, flush, flush, indexed, indexed, optimize),
  ],
  { maxCommands: 100, size: 'max' },
)
