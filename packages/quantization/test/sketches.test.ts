// Scans that pass over what sketches tell to be far find what scans find that look at everything.
import { type Metric, Pool, pipelineSearch } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { type Codes, none, scalar } from '../src/index.js'
import { encoded } from './coding.js'
import { randomFloats, rowOf } from './support.js'

const pool = new Pool(2)
afterAll(() => pool.close())

const n = 2_500
/** As many as leave nothing without a sketch. */
const scansForAll = 140

const shapes: Record<string, (seed: number, dimension: number) => Float32Array> = {
  clusters: (seed, dimension) => {
    const centres = randomFloats(20 * dimension, seed, 2)
    const noise = randomFloats(n * dimension, seed + 1, 0.5)
    return noise.map((value, i) => {
      const at = Math.floor(i / dimension) % 20
      return value + (centres[at * dimension + (i % dimension)] ?? 0)
    })
  },
  random: (seed, dimension) => randomFloats(n * dimension, seed),
  'far from the origin': (seed, dimension) => randomFloats(n * dimension, seed, 0.01, 5),
  duplicates: (seed, dimension) => {
    const few = randomFloats(7 * dimension, seed)
    return Float32Array.from({ length: n * dimension }, (_, i) => few[i % few.length] ?? 0)
  },
  constant: (_, dimension) => new Float32Array(n * dimension).fill(0.5),
  'one component': (seed, dimension) =>
    randomFloats(n * dimension, seed).map((value, i) =>
      i % dimension === ((i / dimension) % 3) >>> 0 ? value : 0,
    ),
}

async function throughSource(
  codes: Codes,
  metric: Metric,
  query: Float32Array,
  k: number,
  allowed: Uint32Array,
) {
  const sources = [{ source: codes.source(), allowed }]
  const options = { metric, limit: k, candidates: k, ef: k }
  const { slots, distances } = await pipelineSearch(pool, sources, undefined, query, options)
  return { slots, distances }
}

// More components than a sketch has signs, and fewer.
it.each([
  ['scalar codes', scalar, 512],
  ['vectors', none, 512],
  ['short vectors', none, 160],
] as const)(
  'over %s gives what a scan of everything gives, while sketches are made and after slots were encoded anew',
  async (_, kind, dimension) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(shapes)),
        fc.constantFrom<Metric>('cosine', 'dot', 'euclidean'),
        fc.nat(1_000),
        fc.integer({ min: 1, max: 300 }),
        async (shape, metric, seed, k) => {
          const vectors = shapes[shape]?.(seed, dimension) ?? new Float32Array()
          const codes = await encoded(kind(), pool, vectors, dimension, metric)
          const all = new Uint32Array(Math.ceil(n / 32)).fill(-1)
          const expectSame = async (query: Float32Array, allowed: Uint32Array) => {
            const exact = await codes.scan(query, { k, allowed })
            expect(await throughSource(codes, metric, query, k, allowed)).toEqual(exact)
          }
          const queries = [randomFloats(dimension, seed + 9), rowOf(vectors, dimension, 3)]
          for (let scans = 0; scans < scansForAll; scans++) {
            const query = queries[scans % 2] ?? vectors
            if (scans % 20 === 0) await expectSame(query, all)
            else await throughSource(codes, metric, query, k, all)
          }
          const half = all.map((word, i) => (i % 16 === 0 ? word & 0x0f0f0f0f : word))
          for (const query of queries) await expectSame(query, half)
          // Every second slot gets the vector of another.
          const some = Uint32Array.from({ length: n / 2 }, (_, i) => 2 * i)
          await codes.encode(some, vectors.subarray(dimension, dimension * (1 + some.length)))
          for (const query of queries) await expectSame(query, all)
          codes.close()
        },
      ),
      { numRuns: 4, seed: 5 },
    )
  },
)

it('takes a cache line a code, and no more than it may', async () => {
  const dimension = 512
  const vectors = shapes['clusters']?.(1, dimension) ?? new Float32Array()
  const all = new Uint32Array(Math.ceil(n / 32)).fill(-1)
  for (const [limit, most] of [
    [undefined, n],
    [0, 0],
  ] as const) {
    const codes = await encoded(scalar(), pool, vectors, dimension, 'cosine')
    if (limit !== undefined) codes.limitSketches?.(limit)
    const before = codes.bytes
    for (let scans = 0; scans < scansForAll; scans++) {
      await throughSource(codes, 'cosine', rowOf(vectors, dimension, scans), 10, all)
    }
    const made = (codes.bytes - before) / 64
    expect(made).toBeLessThanOrEqual(most)
    // But for those that a scan looks at before it has as many as it wants.
    expect(made).toBeGreaterThanOrEqual(0.9 * most)
    codes.close()
  }
})
