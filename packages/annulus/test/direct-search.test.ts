// The usual search takes a way of its own; an idle signal sends it the other one. Both answer alike.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HnswIndex } from '@annulus/hnsw'
import { type Metric, metrics, PreparedSearch } from '@annulus/native'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Database, SearchOptions } from '../src/index.js'
import { type Backend, backends, dimension, filled, vectors } from './filled.js'

const queries = vectors(20, 7)
const [query = new Float32Array(dimension)] = queries
/** An option that keeps a search from the usual way. */
const idle = () => ({ signal: new AbortController().signal })
/** Narrow enough for a walk through the graph to be worth it. */
const ef = 32

let path: string
let database: Database
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'annulus-direct-'))
})
afterEach(async () => {
  await database.close()
  await rm(path, { recursive: true, force: true })
})

async function indexed(metric?: Metric, backend?: Backend) {
  const here = await filled(path, pointsOf(vectors(2_000)), metric, backend)
  database = here.database
  return here.collection
}

/** Ids of both kinds, payloads or none. */
function pointsOf(all: readonly Float32Array[], from = 0) {
  return all.map((vector, i) => {
    const n = from + i
    const id = n % 2 === 0 ? n : `id ${n}`
    return n % 3 === 0 ? { id, vector } : { id, vector, payload: { n } }
  })
}

/** The searches begun the usual way during `work`. */
async function directOnes(work: () => Promise<unknown>): Promise<number> {
  const begin = vi.spyOn(PreparedSearch.prototype, 'begin')
  try {
    await work()
    return begin.mock.results.filter(({ value }) => value === true).length
  } finally {
    begin.mockRestore()
  }
}

const plainOptions = fc.record<SearchOptions>(
  {
    limit: fc.integer({ min: 1, max: 20 }),
    offset: fc.integer({ min: 0, max: 5 }),
    ef: fc.integer({ min: 1, max: 90 }),
    oversampling: fc.integer({ min: 1, max: 4 }),
    rescore: fc.constantFrom<SearchOptions['rescore'][]>('bounded', true),
    scoreThreshold: fc.double({ min: -2, max: 3, noNaN: true }),
    withPayload: fc.boolean(),
  },
  { requiredKeys: [] },
)

const cases = backends.flatMap((backend) => metrics.map((metric) => ({ backend, metric })))

describe.each(cases)('the usual search over $backend, $metric', ({ backend, metric }) => {
  it('answers as one in steps does', async () => {
    const collection = await indexed(metric, backend)
    const untimed = async (asked: Float32Array | number[], options: SearchOptions<never>) => {
      const { hits, diagnostics } = await collection.searchWithDiagnostics(asked, options)
      const { ms, planMs, rankMs, fetchMs, ...rest } = diagnostics
      expect(ms).toBeGreaterThanOrEqual(Math.max(planMs, rankMs, fetchMs))
      return { hits, ...rest }
    }
    const property = fc.asyncProperty(
      plainOptions,
      fc.constantFrom(...queries),
      async (options, asked) => {
        const inSteps = await untimed(asked, { ...options, ...idle() })
        expect(await untimed(asked, options)).toEqual(inSteps)
        expect(await untimed([...asked], options)).toEqual(inSteps)
      },
    )
    const direct = await directOnes(() => fc.assert(property, { numRuns: 40 }))
    expect(direct).toBeGreaterThan(40)
  })
})

describe('the usual search', () => {
  it('is told apart from others that are under way', async () => {
    const collection = await indexed()
    const kinds: SearchOptions[] = [
      { limit: 3, ef },
      { limit: 7, ef: 40 },
      { limit: 5, ef, withPayload: false },
    ]
    const asked = Array.from({ length: 400 }, (_, i) => ({
      query: queries[i % queries.length] ?? query,
      options: kinds[i % kinds.length] ?? {},
    }))
    const inSteps = (each: (typeof asked)[number]) =>
      collection.search(each.query, { ...each.options, ...idle() })
    const direct = asked.map((each) => collection.search(each.query, each.options))
    expect(collection.stats().searches.inFlight).toBe(asked.length)
    expect(await Promise.all(direct)).toEqual(await Promise.all(asked.map(inSteps)))
    expect(collection.stats().searches).toMatchObject({ inFlight: 0, count: 2 * asked.length })
  })

  it('goes by the query as it was when it was called', async () => {
    const collection = await indexed()
    const changing = query.slice()
    const searching = collection.search(changing, { ef })
    changing.fill(Number.NaN)
    expect(await searching).toEqual(await collection.search(query, { ef, ...idle() }))
  })

  it('finds what is overwritten while it is under way, and nothing that is deleted', async () => {
    const collection = await indexed()
    const all = pointsOf(vectors(2_000))
    const searches = all
      .slice(0, 200)
      .map(({ vector }) => collection.search(vector, { limit: 1, ef }))
    const [hits] = await Promise.all([Promise.all(searches), collection.upsert(all.slice(0, 100))])
    expect(hits.map(([hit]) => hit?.id)).toEqual(all.slice(0, 200).map(({ id }) => id))
    const dead = new Set(all.slice(0, 100).map(({ id }) => id))
    const deleting = collection.delete([...dead])
    const during = all
      .slice(0, 100)
      .map(({ vector }) => collection.search(vector, { limit: 5, ef }))
    await deleting
    const after = await collection.search(all[0]?.vector ?? query, { limit: 5, ef })
    for (const found of [...(await Promise.all(during)), after]) expect(found).toHaveLength(5)
    expect(after.filter(({ id }) => dead.has(id))).toEqual([])
  })

  it.each([
    ['it', { ef }, 'every'],
    ['one in steps', { ef, ...idle() }, 'no'],
  ] as const)(
    'has what is written beside %s linked before it is visible',
    async (_, options, direct) => {
      const collection = await indexed()
      const inserted = vi.spyOn(HnswIndex.prototype, 'insert')
      let writing = true
      let searches = 0
      const work = async () => {
        while (writing) {
          await collection.search(query, options)
          searches++
        }
      }
      const begun = directOnes(work)
      await collection.upsert(pointsOf(vectors(20, 5), 2_000))
      writing = false
      expect(await begun).toBe(direct === 'every' ? searches : 0)
      expect(inserted.mock.calls.map(([, how]) => how?.hidden)).toEqual([true])
      inserted.mockRestore()
    },
  )

  it('is waited for by close', async () => {
    const collection = await indexed()
    const searches = queries.map((each) => collection.search(each, { limit: 4, ef }))
    await collection.close()
    for (const hits of await Promise.all(searches)) expect(hits).toHaveLength(4)
    await expect(collection.search(query)).rejects.toMatchObject({ code: 'ANNULUS_CLOSED' })
  })
})

it('refuses the queries that others do, with the same errors', async () => {
  const collection = await indexed()
  const bad: unknown[] = [
    query.slice(1),
    Float32Array.from(query, (x, i) => (i === 5 ? Number.NaN : x)),
    Float32Array.from(query, (x, i) => (i === 5 ? -Infinity : x)),
    new Float32Array(dimension),
    Float64Array.from(query),
    'nearest to me',
  ]
  await collection.search(query, { ef })
  for (const each of bad) {
    const search = (options: object) =>
      collection.search(each as Float32Array, { ef, ...options }).catch((error: unknown) => error)
    const inSteps = await search(idle())
    expect(inSteps).toBeInstanceOf(Error)
    expect(await search({})).toEqual(inSteps)
  }
})
