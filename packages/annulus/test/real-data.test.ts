// The promises of the README on real vectors: recall, equal answers of the backends, exact scores, reopening.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DataSet, openDataSet } from '../src/import/index.js'
import {
  type Collection,
  type Database,
  isUringSupported,
  type Metric,
  mmapStorage,
  open,
  uringStorage,
} from '../src/index.js'
import { loadPoints } from '../src/load.js'
import { realSet } from './real-sets.js'

const limit = 10
const checkedQueries = 200

for (const name of ['ml-notes-384-cosine', 'fashion-mnist-784-euclidean']) {
  const folder = realSet(name)
  describe.skipIf(folder === undefined)(`${name} (skipped where the set is missing)`, () => {
    let path: string
    let set: DataSet
    let queries: Float32Array[]
    let truth: number[][]

    beforeAll(async () => {
      path = await mkdtemp(join(tmpdir(), 'annulus-real-'))
      set = await openDataSet(folder ?? '')
      queries = (await set.queries()).slice(0, checkedQueries)
      truth = (await set.truth(limit)).slice(0, checkedQueries)
      await using database = await open(path, { storage: mmapStorage() })
      const collection = await database.collection('real', {
        dimension: set.dimension,
        metric: set.metric,
      })
      await loadPoints(collection, pointsOf(set), set.count, { quiet: true })
    }, 300_000)
    afterAll(() => rm(path, { recursive: true, force: true }))

    const answers = new Map<string, unknown>()
    const backends = isUringSupported().supported ? ['mmap', 'io_uring'] : ['mmap']

    it.each(backends)(
      '%s: recall@10 of at least 0.99 after reopening, nothing rebuilt',
      async (backend) => {
        await using database = await openWith(backend, path)
        const rebuilt: unknown[] = []
        const collection = await database.collection('real')
        collection.on('rebuilt', (event) => rebuilt.push(event))
        const found = await searchAll(collection, queries)
        answers.set(backend, found)
        const hit = found.map(
          (hits, i) => hits.filter(({ id }) => truth[i]?.includes(Number(id))).length,
        )
        expect(hit.reduce((sum, n) => sum + n, 0) / (limit * found.length)).toBeGreaterThanOrEqual(
          0.99,
        )
        expect(collection.stats().points).toBe(set.count)
        expect(rebuilt).toEqual([])
      },
    )

    it.skipIf(backends.length < 2)('both backends give the same answers, bit for bit', () => {
      expect(answers.get('io_uring')).toEqual(answers.get('mmap'))
    })

    it('exact search finds the true neighbours and scores equal brute force in float64', async () => {
      await using database = await openWith('mmap', path)
      const collection = await database.collection('real')
      const base = await vectorsOf(set)
      let found = 0
      for (const [index, query] of queries.slice(0, 20).entries()) {
        const hits = await collection.search(query, { limit, exact: true })
        found += hits.filter(({ id }) => truth[index]?.includes(Number(id))).length
        for (const hit of hits) {
          const expected = scoreInFloat64(
            set.metric,
            query,
            base[Number(hit.id)] ?? new Float32Array(),
          )
          expect(Math.abs(hit.score - expected)).toBeLessThanOrEqual(1e-4 * Math.abs(expected))
          expect(hit.exact).toBe(true)
        }
      }
      expect(found).toBe(20 * limit)
    }, 60_000)
  })
}

function openWith(backend: string, path: string): Promise<Database> {
  return open(path, { storage: backend === 'mmap' ? mmapStorage() : uringStorage() })
}

async function* pointsOf(set: DataSet) {
  for await (const { id, vector, payload } of set.rows()) {
    yield { id: id ?? 0, vector, ...(payload === undefined ? {} : { payload }) }
  }
}

async function vectorsOf(set: DataSet): Promise<Float32Array[]> {
  const vectors: Float32Array[] = []
  for await (const { vector } of set.rows()) vectors.push(vector)
  return vectors
}

async function searchAll(collection: Collection, queries: readonly Float32Array[]) {
  return Promise.all(
    queries.map(async (query) => {
      const hits = await collection.search(query, { limit, oversampling: 2, ef: 200 })
      return hits.map(({ id, score }) => ({ id, score }))
    }),
  )
}

function scoreInFloat64(metric: Metric, a: Float32Array, b: Float32Array): number {
  let dot = 0
  let aa = 0
  let bb = 0
  let squared = 0
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? Number.NaN
    dot += x * y
    aa += x * x
    bb += y * y
    squared += (x - y) ** 2
  }
  return metric === 'euclidean' ? Math.sqrt(squared) : dot / Math.sqrt(aa * bb)
}
