// What is done to a collection and to the model of it, and compared.
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Filter, Hit, PointId } from '../src/index.js'
import type { Model } from './model.js'
import { anyFilter, id, type Payload, point, vector } from './model-points.js'
import type { Real, Reopening } from './model-real.js'
import { copyOf, isBetter } from './world.js'

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
    expect(real.derived.rebuilt).toEqual([])
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
  readonly queries: readonly number[][]
  readonly limit: number
  readonly ef: number
  readonly exact: boolean
  readonly filter: Filter<Payload> | undefined
}

function search(searching: Searching): Command {
  const { queries, limit, ef, exact, filter } = searching
  return new Named(`search ${fc.stringify(searching)}`, async (model, real) => {
    const options = {
      limit,
      ef,
      exact,
      oversampling: ef < 10 ? 1 : 3,
      ...(filter === undefined ? {} : { filter }),
    }
    const [first = [], ...others] = queries
    if (others.length > 0) {
      const answers = await real.collection.searchBatch(queries, options)
      expect(answers.length).toBe(queries.length)
      for (const [i, hits] of answers.entries()) {
        expectRight(model, queries[i] ?? first, searching, hits, exact ? 'exact' : 'batch')
      }
    } else {
      const { hits, diagnostics } = await real.collection.searchWithDiagnostics(first, options)
      expectRight(model, first, searching, hits, diagnostics.strategy)
    }
  })
}

function expectRight(
  model: Model,
  query: readonly number[],
  { limit, ef, filter }: Searching,
  hits: readonly Hit<Payload>[],
  strategy: string,
): void {
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
  if (strategy === 'exact') {
    expect(hits.length).toBe(best.length)
    for (const [rank, hit] of hits.entries()) expectClose(hit.score, best[rank] ?? Number.NaN)
  }
  const scores = hits.map((hit) => hit.score)
  model.note(strategy, ef, best, scores)
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

/** After a crash the files are as they are, without anybody having closed them. */
function reopen(crashed: boolean, how: Reopening): Command {
  const name = `${crashed ? 'crash' : 'reopen'} ${fc.stringify(how)}`
  return new Named(name, async (_, real) => {
    const copy = crashed ? await copyOf(real.path) : undefined
    await real.db.close()
    await real.reopen(copy ?? real.path, how)
  })
}

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
  queries: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(vector) },
    { weight: 1, arbitrary: fc.array(vector, { minLength: 2, maxLength: 4 }) },
  ),
  limit: fc.oneof(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.nat(20).map((n) => n + 1),
  ),
  ef: fc.constantFrom(2, 2, 4, 128),
  exact: fc.boolean(),
  filter: anyFilter,
})

const reopening = fc
  .tuple(
    fc.boolean(),
    fc.record({
      codesLater: fc.boolean(),
      damage: fc.option(fc.nat(), { nil: undefined, freq: 3 }),
    }),
  )
  .map(([crashed, how]) => reopen(crashed, how))

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
    fc.oneof(
      { weight: 2, arbitrary: reopening },
      { weight: 5, arbitrary: fc.constantFrom<Command>(flush, flush, indexed, indexed, optimize) },
    ),
  ],
  { maxCommands: 100, size: 'max' },
)
