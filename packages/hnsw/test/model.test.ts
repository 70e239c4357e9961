// Random commands against a naive model: what is live, what was removed, what the filter allows.
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { codedPoints } from './coded-points.js'
import { bitmapOf, faults, recall, row } from './points.js'

const dimension = 8
const count = 1200
const points = codedPoints(count, dimension, { seed: 2 })
const { vectors } = points

interface Model {
  readonly live: Set<number>
  readonly hidden: Set<number>
  readonly removed: Set<number>
  wanted: number
  hit: number
}
interface Real {
  graph: HnswIndex
}
type Command = fc.AsyncCommand<Model, Real>

class Insert implements Command {
  constructor(readonly slots: readonly number[]) {}
  check = () => true
  async run(model: Model, real: Real) {
    const slots = this.slots.filter((slot) => !model.removed.has(slot))
    await real.graph.insert(Uint32Array.from(slots))
    for (const slot of slots) if (!model.hidden.has(slot)) model.live.add(slot)
    expect(real.graph.size).toBe(model.live.size)
  }
  toString = () => `insert ${this.slots.length} from ${this.slots[0]}`
}

class InsertHidden implements Command {
  constructor(readonly slots: readonly number[]) {}
  check = () => true
  async run(model: Model, real: Real) {
    const slots = this.slots.filter((slot) => !model.removed.has(slot))
    await real.graph.insert(Uint32Array.from(slots), { hidden: true })
    for (const slot of slots) if (!model.live.has(slot)) model.hidden.add(slot)
    expect(real.graph.size).toBe(model.live.size)
  }
  toString = () => `insert ${this.slots.length} from ${this.slots[0]} hidden`
}

class Reveal implements Command {
  constructor(readonly slots: readonly number[]) {}
  check = () => true
  async run(model: Model, real: Real) {
    const hidden = new Set(this.slots.filter((slot) => model.hidden.delete(slot)))
    expect(real.graph.reveal(Uint32Array.from(this.slots))).toBe(hidden.size)
    for (const slot of hidden) model.live.add(slot)
    expect(real.graph.size).toBe(model.live.size)
  }
  toString = () => `reveal ${this.slots}`
}

class Remove implements Command {
  constructor(readonly slots: readonly number[]) {}
  check = () => true
  async run(model: Model, real: Real) {
    const fresh = new Set(this.slots.filter((slot) => !model.removed.has(slot)))
    expect(real.graph.remove(Uint32Array.from(this.slots))).toBe(fresh.size)
    for (const slot of fresh) {
      model.live.delete(slot)
      model.hidden.delete(slot)
      model.removed.add(slot)
    }
    expect(real.graph.size).toBe(model.live.size)
  }
  toString = () => `remove ${this.slots}`
}

class Repair implements Command {
  check = () => true
  async run(model: Model, real: Real) {
    const { freed } = await real.graph.repair()
    expect(Array.from(freed)).toEqual([...model.removed].sort((a, b) => a - b))
    model.removed.clear()
    expect(real.graph.size).toBe(model.live.size)
    expect(real.graph.stats().removed).toBe(0)
    expect((await real.graph.check()).nodes).toBe(model.live.size + model.hidden.size)
  }
  toString = () => 'repair'
}

/** Removals, then insertions and searches while the repair runs. */
class RepairMeanwhile implements Command {
  constructor(
    readonly removed: Remove,
    readonly inserted: Insert | InsertHidden,
    readonly search: Search,
  ) {}
  check = () => true
  async run(model: Model, real: Real) {
    await this.removed.run(model, real)
    const expected = [...model.removed].sort((a, b) => a - b)
    const repair = real.graph.repair()
    await this.inserted.run(model, real)
    await this.search.run(model, real)
    expect(Array.from((await repair).freed)).toEqual(expected)
    model.removed.clear()
    const nodes = model.live.size + model.hidden.size
    expect(await real.graph.check()).toMatchObject({ nodes, violations: 0 })
  }
  toString = () => `${this.removed}, repair, meanwhile ${this.inserted}, ${this.search}`
}

class Search implements Command {
  constructor(
    readonly query: number,
    readonly k: number,
    readonly filter: { readonly modulus: number; readonly rest: number } | undefined,
  ) {}
  check = () => true
  async run(model: Model, real: Real) {
    const { filter } = this
    const admitted = [...model.live].filter(
      (slot) => filter === undefined || slot % filter.modulus === filter.rest,
    )
    const query = row(vectors, dimension, this.query)
    const allowed = bitmapOf(admitted, count)
    const { slots, distances } = await real.graph.search(query, {
      k: this.k,
      ef: 48,
      ...(filter === undefined ? {} : { allowed }),
    })
    expect(faults(slots, distances)).toEqual([])
    const known = new Set(admitted)
    expect(Array.from(slots).filter((slot) => !known.has(slot))).toEqual([])
    const exact = await points.codes.scan(query, { k: this.k, allowed })
    model.wanted += exact.slots.length
    model.hit += recall(exact.slots, slots) * exact.slots.length
  }
  toString = () => `search ${this.query} k ${this.k} ${JSON.stringify(this.filter)}`
}

class Reload implements Command {
  check = () => true
  async run(model: Model, real: Real) {
    const path = join(points.directory, 'model.graph')
    await real.graph.save(path)
    await real.graph.close()
    real.graph = await HnswIndex.load(path, { pool: points.pool, scorer: points.codes.scorer() })
    // Nobody is left who would reveal them.
    for (const slot of model.hidden) model.removed.add(slot)
    model.hidden.clear()
  }
  toString = () => 'reload'
}

class Check implements Command {
  check = () => true
  async run(model: Model, real: Real) {
    const report = await real.graph.check()
    expect(report.violations).toBe(0)
    expect(report.nodes).toBeGreaterThanOrEqual(model.live.size)
    const { graph } = real
    const contained = Array.from({ length: count }, (_, slot) => slot).filter((s) =>
      graph.contains(s),
    )
    expect(contained).toEqual([...model.live].sort((a, b) => a - b))
  }
  toString = () => 'check'
}

const slot = fc.nat(count - 1)
const run = fc
  .tuple(slot, fc.integer({ min: 1, max: 200 }))
  .map(([from, n]) => Array.from({ length: n }, (_, i) => (from + i * 7) % count))
const filter = fc
  .record({ modulus: fc.integer({ min: 1, max: 60 }), rest: fc.nat(3) })
  .map(({ modulus, rest }) => ({ modulus, rest: rest % modulus }))
const inserts = run.map((slots) => new Insert(slots))
const hidden = run.map((slots) => new InsertHidden(slots))
const searches = fc
  .tuple(slot, fc.integer({ min: 1, max: 30 }), fc.option(filter, { nil: undefined }))
  .map(([query, k, chosen]) => new Search(query, k, chosen))
const removals = fc.oneof(fc.array(slot, { maxLength: 40 }), run).map((slots) => new Remove(slots))
const commands = [
  inserts,
  hidden,
  run.map((slots) => new Reveal(slots)),
  removals,
  searches,
  fc.constant(new Repair()),
  fc
    .tuple(removals, fc.oneof(inserts, hidden), searches)
    .map(([removed, inserted, search]) => new RepairMeanwhile(removed, inserted, search)),
  fc.constant(new Reload()),
  fc.constant(new Check()),
]

it('does what a naive model does, whatever the order of commands', async () => {
  const total = { wanted: 0, hit: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.commands(commands, { maxCommands: 50, size: 'max' }),
      fc.integer({ min: 4, max: 12 }),
      async (sequence, m) => {
        const model: Model = {
          live: new Set(),
          hidden: new Set(),
          removed: new Set(),
          wanted: 0,
          hit: 0,
        }
        const real: Real = {
          graph: points.newGraph({ m, efConstruct: 40 }),
        }
        try {
          await fc.asyncModelRun(() => ({ model, real }), sequence)
        } finally {
          await real.graph.close()
        }
        total.wanted += model.wanted
        total.hit += model.hit
      },
    ),
    { numRuns: 60 },
  )
  expect(total.hit / total.wanted).toBeGreaterThan(0.97)
})
