// Repair: removed nodes leave the graph, their slots are used again, and recall holds.
import { AbortError } from '@annulus/native'
import { none } from '@annulus/quantization'
import { describe, expect, it } from 'vitest'
import { HnswIndex, type InsertProgress, type Pace } from '../src/index.js'
import { codedPoints } from './coded-points.js'
import { bitmapOf, encode, faults, randomFrom, range, recall, row } from './points.js'
import { hasRealSet, readRealSet } from './real-set.js'

const dimension = 12
const count = 4000
const points = codedPoints(count, dimension, { seed: 5 })
const { vectors } = points

async function built(slots = range(0, count)): Promise<HnswIndex> {
  const graph = points.newGraph({ m: 8, efConstruct: 60 })
  await graph.insert(slots)
  return graph
}

describe('repair', () => {
  it('frees what was removed, and the rest is found', async () => {
    const graph = await built()
    const gone = range(0, count).filter((slot) => slot % 5 < 2)
    const live = range(0, count).filter((slot) => slot % 5 >= 2)
    graph.remove(gone)
    const { freed, relinked } = await graph.repair()
    expect(freed).toEqual(gone)
    expect(relinked).toBeGreaterThan(live.length / 2)
    expect(graph.stats()).toMatchObject({ nodes: live.length, removed: 0 })
    expect(await graph.check()).toMatchObject({ nodes: live.length, violations: 0 })
    const allowed = bitmapOf(live, count)
    const fresh = await built(live)
    let sum = 0
    let freshSum = 0
    for (let q = 0; q < 100; q++) {
      const query = row(vectors, dimension, q * 39)
      const { slots, distances } = await graph.search(query, { k: 10, ef: 64 })
      expect(faults(slots, distances)).toEqual([])
      const truth = (await points.codes.scan(query, { k: 10, allowed })).slots
      sum += recall(truth, slots)
      freshSum += recall(truth, (await fresh.search(query, { k: 10, ef: 64 })).slots)
    }
    expect(sum).toBeGreaterThan(freshSum - 1)
    await fresh.close()
    await graph.close()
  })

  it('allows insertion of a slot once it is freed, not before, and takes no more room', async () => {
    const graph = await built()
    const before = graph.stats().linkBytes
    for (let round = 0; round < 3; round++) {
      graph.remove(range(0, 2000))
      await expect(graph.insert(Uint32Array.of(7))).rejects.toThrow(/removed/)
      await graph.repair()
      expect(graph.contains(7)).toBe(false)
      await graph.insert(range(0, 2000))
      expect(graph.size).toBe(count)
    }
    expect(graph.stats().linkBytes).toBe(before)
    expect(await graph.check()).toMatchObject({ nodes: count, violations: 0 })
    await graph.close()
  })

  it('of everything leaves an empty graph that can be filled again', async () => {
    const graph = await built(range(0, 1500))
    graph.remove(range(0, 1500))
    const repair = graph.repair()
    await graph.insert(range(1500, 1600)) // while all others leave
    expect((await repair).freed.length).toBe(1500)
    expect(await graph.check()).toMatchObject({ nodes: 100, violations: 0 })
    graph.remove(range(1500, 1600))
    await graph.repair()
    expect(await graph.check()).toMatchObject({ nodes: 0, violations: 0 })
    expect((await graph.search(row(vectors, dimension, 0))).slots.length).toBe(0)
    await graph.insert(range(0, 1500))
    expect(await graph.check()).toMatchObject({ nodes: 1500, violations: 0 })
    await graph.close()
  })

  it('does not bring back a slot that an insertion under way still has to come to', async () => {
    const graph = points.newGraph({ m: 8, efConstruct: 60 })
    const insertion = graph.insert(range(0, count))
    const last = Uint32Array.of(count - 1)
    graph.remove(last)
    expect((await graph.repair()).freed).toEqual(last)
    await insertion
    expect(graph.contains(count - 1)).toBe(false)
    await graph.insert(last)
    expect(graph.contains(count - 1)).toBe(true)
    await graph.close()
  })

  it('reports progress, runs one after the other, and does nothing when there is nothing', async () => {
    const graph = await built(range(0, 2000))
    graph.remove(range(0, 500))
    const seen: InsertProgress[] = []
    const [first, second] = await Promise.all([
      graph.repair({ onProgress: (progress) => seen.push(progress) }),
      graph.repair(),
    ])
    expect([first.freed.length, second.freed.length, second.relinked]).toEqual([500, 0, 0])
    const end = seen.at(-1)
    expect(end?.total).toBeGreaterThanOrEqual(2000)
    expect(end?.done).toBe(end?.total)
    await graph.close()
  })

  it('aborted leaves the graph whole, and the next one ends it', async () => {
    const graph = await built()
    graph.remove(range(1000, 3000))
    const controller = new AbortController()
    const repair = graph.repair({ signal: controller.signal })
    controller.abort()
    await expect(repair).rejects.toBeInstanceOf(AbortError)
    expect(await graph.check()).toMatchObject({ nodes: count, violations: 0 })
    const found = await graph.search(row(vectors, dimension, 2000), { k: 20 })
    expect(Array.from(found.slots).filter((slot) => slot >= 1000 && slot < 3000)).toEqual([])
    expect((await graph.repair()).freed).toEqual(range(1000, 3000))
    expect(await graph.check()).toMatchObject({ nodes: 2000, violations: 0 })
    await graph.close()
  })
})

const set = 'ml-notes-384-cosine'
describe.skipIf(!hasRealSet(set))(`${set} (skipped when ANNULUS_DATA has no such set)`, () => {
  it('keeps recall within 0.005 of a fresh build after three rounds of 20 % churn', async () => {
    const slots = 6000
    const real = readRealSet(set, 3 * slots)
    const { dimension: width } = real
    const churned = await encode(
      real.base.subarray(0, slots * width),
      width,
      points.pool,
      none(),
      'cosine',
    )
    const graph = HnswIndex.create({ pool: points.pool, scorer: churned.scorer() })
    await graph.insert(range(0, slots))
    const random = randomFrom(11)
    let next = slots
    for (let round = 0; round < 3; round++) {
      graph.remove(range(0, slots).filter(() => random() < 0.2))
      const { freed } = await graph.repair()
      for (const slot of freed) await churned.encode(slot, row(real.base, width, next++))
      await graph.insert(freed)
    }
    expect(await graph.check()).toMatchObject({ nodes: slots, violations: 0 })
    const fresh = HnswIndex.create({ pool: points.pool, scorer: churned.scorer() })
    await fresh.insert(range(0, slots))
    const sums = { churned: 0, fresh: 0 }
    const queries = 400
    for (let q = 0; q < queries; q++) {
      const query = row(real.queries, width, q)
      const truth = (await churned.scan(query, { k: 10 })).slots
      sums.churned += recall(truth, (await graph.search(query, { k: 10, ef: 32 })).slots) / queries
      sums.fresh += recall(truth, (await fresh.search(query, { k: 10, ef: 32 })).slots) / queries
    }
    expect(sums.churned).toBeGreaterThan(sums.fresh - 0.005)
    await graph.close()
    await fresh.close()
    churned.close()
  }, 60_000)
})

describe('work in pieces', () => {
  /** Pieces of a moment each, and what is done between them. */
  function paced(rest: () => void = () => {}) {
    const spent: number[] = []
    const pace: Pace = {
      pieceMs: 1e-3,
      spend: (cpuMs) => void spent.push(cpuMs),
      rest: async () => rest(),
    }
    return { spent, pace }
  }

  it('does the same as in one: every node is linked, every removed one freed', async () => {
    const graph = points.newGraph({ m: 8, efConstruct: 60 })
    const { spent, pace } = paced()
    await graph.insert(range(0, count), { background: true, pace })
    expect(graph.size).toBe(count)
    expect(spent.length).toBeGreaterThan(10)
    expect(Math.min(...spent)).toBeGreaterThan(0)
    const gone = range(0, count).filter((slot) => slot % 5 < 2)
    graph.remove(gone)
    const inserting = spent.length
    expect((await graph.repair({ pace })).freed).toEqual(gone)
    expect(spent.length).toBeGreaterThan(inserting + 10)
    expect(await graph.check()).toMatchObject({ nodes: count - gone.length, violations: 0 })
    await graph.close()
  })

  it('ends at an abort between two pieces, and can be done again whole', async () => {
    const graph = await built()
    graph.remove(range(0, 1000))
    const stop = new AbortController()
    let rests = 0
    const { pace } = paced(() => {
      if (++rests === 3) stop.abort()
    })
    await expect(graph.repair({ pace, signal: stop.signal })).rejects.toThrow(AbortError)
    graph.remove(range(1000, 2000))
    expect((await graph.repair()).freed).toEqual(range(0, 2000))
    expect(await graph.check()).toMatchObject({ nodes: count - 2000, violations: 0 })
    await graph.close()
  })

  it('passes on what a rest throws, and leaves nothing behind that keeps the graph open', async () => {
    const graph = await built()
    graph.remove(range(0, 1000))
    const { pace } = paced(() => {
      throw new Error('no rest')
    })
    await expect(graph.repair({ pace })).rejects.toThrow('no rest')
    await graph.close()
  })
})

describe('searches past removed nodes', () => {
  it('find as much among those that stay as a graph without the others, also where just the nearest are gone', async () => {
    const graph = await built()
    const gone = new Set<number>(range(0, count).filter((slot) => slot % 10 === 3))
    const near = row(vectors, dimension, 77)
    for (const slot of (await points.codes.scan(near, { k: 300 })).slots) gone.add(slot)
    graph.remove(Uint32Array.from(gone))
    const live = range(0, count).filter((slot) => !gone.has(slot))
    const allowed = bitmapOf(live, count)
    const fresh = await built(live)
    let sum = 0
    let freshSum = 0
    for (let q = 0; q < 100; q++) {
      const query = row(vectors, dimension, q * 39)
      const { slots } = await graph.search(query, { k: 10, ef: 64 })
      expect(slots.filter((slot) => gone.has(slot))).toHaveLength(0)
      expect(slots).toHaveLength(10)
      const truth = (await points.codes.scan(query, { k: 10, allowed })).slots
      sum += recall(truth, slots)
      freshSum += recall(truth, (await fresh.search(query, { k: 10, ef: 64 })).slots)
    }
    expect(sum).toBeGreaterThan(freshSum - 1)
    const truth = (await points.codes.scan(near, { k: 10, allowed })).slots
    expect((await graph.search(near, { k: 10, ef: 64 })).slots).toEqual(truth)
    await fresh.close()
    await graph.close()
  })
})
