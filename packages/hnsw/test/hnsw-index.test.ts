import { AnnulusError, Pool, pipelineSearch } from '@annulus/native'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { codedPoints } from './coded-points.js'
import { bitmapOf, encode, faults, range, recall, row } from './points.js'

const dimension = 12
const count = 3000
const points = codedPoints(count, dimension, { seed: 1 })
const { vectors } = points
let index: HnswIndex

beforeAll(async () => {
  index = points.newGraph({ seed: 7 })
  await index.insert(range(0, count))
})
afterAll(() => index.close())

function fresh(): HnswIndex {
  return points.newGraph()
}

async function code(operation: () => unknown): Promise<string> {
  try {
    await operation()
  } catch (error) {
    return error instanceof AnnulusError ? error.code : String(error)
  }
  return 'no error'
}

describe('search', () => {
  it('finds what an exact scan finds, in order', async () => {
    let sum = 0
    for (let q = 0; q < 100; q++) {
      const query = row(vectors, dimension, q * 29)
      const { slots, distances } = await index.search(query, { k: 10, ef: 64 })
      expect(faults(slots, distances)).toEqual([])
      const exact = await points.codes.scan(query, { k: 10 })
      expect(distances[0]).toBe(0)
      sum += recall(exact.slots, slots)
    }
    expect(sum / 100).toBeGreaterThan(0.99)
  })

  it('finds nothing in an empty graph', async () => {
    const empty = fresh()
    const { slots, distances } = await empty.search(row(vectors, dimension, 0))
    expect([slots.length, distances.length]).toEqual([0, 0])
    expect(await empty.check()).toMatchObject({ nodes: 0, violations: 0 })
    await empty.close()
  })

  it('gives all nodes when more are wanted than there are', async () => {
    const { slots, distances } = await index.search(row(vectors, dimension, 5), { k: count * 10 })
    expect(slots.length).toBe(count)
    expect(faults(slots, distances)).toEqual([])
  })

  it.each([0, 1, 2, 40, 700, 2500, count])('respects a filter of %i slots', async (allowed) => {
    const step = allowed === 0 ? count + 1 : count / allowed
    const slots = range(0, allowed).map((i) => Math.floor(i * step))
    const bitmap = bitmapOf(slots, count)
    let sum = 0
    for (let q = 0; q < 20; q++) {
      const query = row(vectors, dimension, q * 101)
      const found = await index.search(query, { k: 10, ef: 100, allowed: bitmap })
      expect(faults(found.slots, found.distances)).toEqual([])
      expect(found.slots.every((slot) => slots.includes(slot))).toBe(true)
      expect(found.slots.length).toBe(Math.min(10, allowed))
      sum += recall((await points.codes.scan(query, { k: 10, allowed: bitmap })).slots, found.slots)
    }
    expect(sum / 20).toBeGreaterThan(0.97)
  })

  it('answers a filter whose slots are all far from the query', async () => {
    const query = row(vectors, dimension, 0)
    const far = (await points.codes.scan(query, { k: count })).slots.slice(count / 2)
    const found = await index.search(query, { k: 10, ef: 50, allowed: bitmapOf(far, count) })
    expect(recall(far.slice(0, 10), found.slots)).toBeGreaterThanOrEqual(0.9)
  })

  it('takes a bitmap that is shorter than the graph as forbidding the rest', async () => {
    const found = await index.search(row(vectors, dimension, 2999), {
      k: 100,
      allowed: new Uint32Array(2).fill(0xffffffff),
    })
    expect(found.slots.length).toBe(64)
    expect(Math.max(...found.slots)).toBe(63)
  })

  it('answers the same through the native pipeline', async () => {
    const query = row(vectors, dimension, 77)
    const own = await index.search(query, { k: 20, ef: 60 })
    const piped = await pipelineSearch(
      points.pool,
      [{ source: index.source() }],
      undefined,
      query,
      {
        metric: 'euclidean',
        limit: 20,
        candidates: 20,
        ef: 60,
      },
    )
    expect(piped.slots).toEqual(own.slots)
    expect(piped.distances).toEqual(own.distances)
  })
})

describe('insert and remove', () => {
  it('counts, contains and passes over what is linked', async () => {
    const small = fresh()
    await small.insert(Uint32Array.of(5, 3, 5, 9))
    expect(small.size).toBe(3)
    expect([3, 4, 5, 9, 4_000_000_000].map((slot) => small.contains(slot))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ])
    await small.insert(Uint32Array.of(9, 10))
    expect(small.size).toBe(4)
    expect(await small.check()).toMatchObject({ nodes: 4, violations: 0, unreachable: 0 })
    await small.close()
  })

  it('never returns what was removed, and still finds the rest', async () => {
    const churned = fresh()
    await churned.insert(range(0, 2000))
    const gone = range(0, 2000).filter((slot) => slot % 3 === 0)
    expect(churned.remove(gone)).toBe(gone.length)
    expect(churned.remove(gone)).toBe(0)
    expect(churned.size).toBe(2000 - gone.length)
    expect(churned.contains(3)).toBe(false)
    await churned.insert(range(2000, 2500))
    const live = range(0, 2500).filter((slot) => slot >= 2000 || slot % 3 !== 0)
    const allowed = bitmapOf(live, count)
    let sum = 0
    for (let q = 0; q < 60; q++) {
      const query = row(vectors, dimension, q * 37)
      const found = await churned.search(query, { k: 10, ef: 80 })
      expect(found.slots.some((slot) => !live.includes(slot))).toBe(false)
      sum += recall((await points.codes.scan(query, { k: 10, allowed })).slots, found.slots)
    }
    expect(sum / 60).toBeGreaterThan(0.98)
    expect(await churned.check()).toMatchObject({ nodes: 2500, violations: 0 })
    expect(churned.stats()).toMatchObject({ nodes: live.length, removed: gone.length })
    await churned.close()
  })

  it('finds later insertions when everything before was removed', async () => {
    const small = fresh()
    await small.insert(range(0, 600))
    small.remove(range(0, 600))
    expect((await small.search(row(vectors, dimension, 1), { k: 5 })).slots.length).toBe(0)
    await small.insert(range(600, 1200))
    const found = await small.search(row(vectors, dimension, 700), { k: 5, ef: 20 })
    expect(found.slots.length).toBe(5)
    expect(found.distances[0]).toBe(0)
    await small.close()
  })

  it('does not link a slot that was removed first', async () => {
    const small = fresh()
    small.remove(Uint32Array.of(4))
    expect(await code(() => small.insert(Uint32Array.of(3, 4)))).toBe('ANNULUS_INVALID_ARGUMENT')
    expect(small.size).toBe(0)
    await small.insert(Uint32Array.of(3))
    expect(small.size).toBe(1)
    await small.close()
  })

  it('gives the same graph for the same seed on one thread', async () => {
    const single = new Pool(1)
    const answers: unknown[] = []
    for (const seed of [3, 3, 4]) {
      const graph = HnswIndex.create({
        pool: single,
        scorer: points.codes.scorer(),
        seed,
        efConstruct: 40,
      })
      await graph.insert(range(0, 1500), { background: answers.length === 1 })
      const found = await graph.search(row(vectors, dimension, 9), { k: 50, ef: 50 })
      answers.push({ links: (await graph.check()).links, found })
      await graph.close()
    }
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).not.toEqual(answers[0])
    single.close()
  })

  it('builds from many identical vectors without losing any', async () => {
    const same = new Float32Array(1000 * dimension).fill(1)
    same.set(vectors.subarray(0, 500 * dimension), 500 * dimension)
    const sameCodes = await encode(same, dimension, points.pool)
    const graph = HnswIndex.create({
      pool: points.pool,
      scorer: sameCodes.scorer(),
      efConstruct: 40,
    })
    await graph.insert(range(0, 1000))
    expect(await graph.check()).toMatchObject({ violations: 0, unreachable: 0 })
    const found = await graph.search(row(vectors, dimension, 30), { k: 1 })
    expect(found.distances[0]).toBe(0)
    await graph.close()
    sameCodes.close()
  })
})

describe('bad input', () => {
  const query = row(vectors, dimension, 0)
  // @ts-expect-error: not every case is well typed, on purpose
  const unknown = { k: 3, efSearch: 4 } as SearchOptions
  it.each<[string, string, () => unknown]>([
    ['search: wrong dimension', 'ANNULUS_DIMENSION', () => index.search(new Float32Array(3))],
    ['search: not a number', 'ANNULUS_INVALID_VECTOR', () => index.search(query.map(() => NaN))],
    ['search: k 0', 'ANNULUS_INVALID_ARGUMENT', () => index.search(query, { k: 0 })],
    ['search: ef 1.5', 'ANNULUS_INVALID_ARGUMENT', () => index.search(query, { ef: 1.5 })],
    ['search: unknown option', 'ANNULUS_UNKNOWN_OPTION', () => index.search(query, unknown)],
    [
      'insert: slot without code',
      'ANNULUS_OUT_OF_RANGE',
      () => fresh().insert(range(0, count + 1)),
    ],
    [
      'remove: slot without code',
      'ANNULUS_OUT_OF_RANGE',
      () => index.remove(Uint32Array.of(count)),
    ],
    ['contains: -1', 'ANNULUS_INVALID_ARGUMENT', () => index.contains(-1)],
    ['create: m 3', 'ANNULUS_INVALID_ARGUMENT', () => points.newGraph({ m: 3 })],
    ['create: seed -1', 'ANNULUS_INVALID_ARGUMENT', () => points.newGraph({ seed: -1 })],
    ['save: no path', 'ANNULUS_INVALID_ARGUMENT', () => index.save('')],
  ])('%s is %s', async (_, expected, operation) => {
    expect(await code(operation)).toBe(expected)
  })

  it('refuses handles of another kind', () => {
    // @ts-expect-error: a source is no scorer
    expect(() => HnswIndex.create({ pool: points.pool, scorer: index.source() })).toThrow(/scorer/)
  })

  it('changes nothing when one slot of an insertion is bad', async () => {
    const graph = fresh()
    await code(() => graph.insert(Uint32Array.of(0, 1, count)))
    expect(graph.size).toBe(0)
    await graph.close()
  })
})

describe('close', () => {
  it('refuses what comes later, also through a source', async () => {
    const graph = fresh()
    await graph.insert(range(0, 50))
    const source = graph.source()
    await graph.close()
    await graph.close()
    expect(await code(() => graph.search(row(vectors, dimension, 0)))).toBe('ANNULUS_CLOSED')
    expect(await code(() => graph.insert(range(0, 2)))).toBe('ANNULUS_CLOSED')
    expect(await code(() => graph.size)).toBe('ANNULUS_CLOSED')
    const options = { metric: 'euclidean', limit: 1, candidates: 1, ef: 1 } as const
    const search = pipelineSearch(
      points.pool,
      [{ source }],
      undefined,
      row(vectors, dimension, 0),
      options,
    )
    expect(await code(() => search)).toBe('ANNULUS_CLOSED')
  })
})
