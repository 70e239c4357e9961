// Bounded rescoring: fewer reads, hardly a result lost, the same answers whoever reads.

import { binary, scalar } from '@annulus/quantization'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import type { Metric } from '../src/index.js'
import { directory, openHere, random, wrapped } from './world.js'

const dimension = 32
const count = 3_000

/** Points around centres: neighbours near and far, as real vectors have them. */
function clustered(n: number, seed: number): Float32Array[] {
  const fixed = random(9)
  const centres = Array.from({ length: 30 }, () =>
    Float32Array.from({ length: dimension }, () => fixed() - 0.5),
  )
  const next = random(seed)
  return Array.from({ length: n }, () => {
    const centre = centres[Math.floor(next() * centres.length)]
    const spread = 0.2 + next()
    return Float32Array.from(
      { length: dimension },
      (_, i) => (centre?.[i] ?? 0) + spread * (next() + next() - 1),
    )
  })
}

const points = clustered(count, 1).map((vector, id) => ({ id, vector }))
const queries = clustered(100, 2)

async function filled(metric: Metric, quantization = scalar(), options: object = {}) {
  const path = await directory()
  const inner = memoryStorage({ keep: true })
  const storage = {
    name: 'memory',
    open: (open: Parameters<typeof inner.open>[0]) => inner.open({ ...open, path }),
  }
  const settings = { dimension, metric, quantization, codesFrom: 500, graphFrom: 1_000, ...options }
  const db = await openHere(path, storage)
  const collection = await db.collection('c', settings)
  await collection.upsert(points)
  await collection.waitForIndex()
  return { path, storage, db, collection, settings }
}

const codings = [
  ['cosine', scalar],
  ['dot', scalar],
  ['euclidean', scalar],
  ['manhattan', scalar],
  ['cosine', binary],
  ['euclidean', binary],
] as const

describe('bounded rescoring', () => {
  it.each(codings)(
    '%s: loses hardly anything against reading all and reads less',
    async (metric, kind) => {
      const { collection } = await filled(metric, kind())
      let kept = 0
      let bounded = 0
      let all = 0
      for (const query of queries) {
        const options = { ef: 200, oversampling: 8 }
        const some = await collection.searchWithDiagnostics(query, options)
        const every = await collection.searchWithDiagnostics(query, { ...options, rescore: true })
        const ids = new Set(some.hits.map(({ id }) => id))
        kept += every.hits.filter(({ id }) => ids.has(id)).length
        bounded += some.diagnostics.reads
        all += every.diagnostics.reads
        expect(some.diagnostics.reads).toBeGreaterThanOrEqual(10)
        expect(some.hits.every(({ exact }) => exact)).toBe(true)
      }
      expect(all).toBe(80 * queries.length)
      expect(kept / (10 * queries.length)).toBeGreaterThanOrEqual(0.999)
      expect(bounded).toBeLessThan(kind === scalar ? all / 4 : all)
      const { searches } = collection.stats()
      expect(searches.reads).toBe(bounded + all)
      expect(searches.readsPerSearch).toBe((bounded + all) / (2 * queries.length))
    },
  )

  it('gives the same answers with the same reads through a storage in plain TypeScript', async () => {
    for (const kind of [scalar, binary]) {
      const { path, storage, db, collection, settings } = await filled('euclidean', kind())
      const ask = (of: typeof collection) =>
        Promise.all(
          queries.flatMap((query) =>
            [
              {},
              { rescore: true },
              { rescore: 'uncertain' as const },
              { rescore: 'uncertain' as const, rescoreLoss: 0.05, oversampling: 4 },
              { oversampling: 3, ef: 20 },
              { limit: 3, offset: 4 },
            ].map(async (options) => {
              const { hits, diagnostics } = await of.searchWithDiagnostics(query, options)
              return { hits, reads: diagnostics.reads, candidates: diagnostics.candidates }
            }),
          ),
        )
      const native = await ask(collection)
      await db.close()
      const plain = await openHere(
        path,
        wrapped(storage, () => ({})),
      )
      const again = await plain.collection('c', settings)
      await again.waitForIndex()
      expect(await ask(again)).toEqual(native)
      await plain.close()
    }
  })

  it.each(codings)(
    '%s: reading only what is uncertain finds the same, reads less, and marks what it read',
    async (metric, kind) => {
      const { collection } = await filled(metric, kind())
      let kept = 0
      let reads = 0
      let boundedReads = 0
      for (const query of queries) {
        const options = { ef: 200, oversampling: 8 }
        const bounded = await collection.searchWithDiagnostics(query, options)
        const { hits, diagnostics } = await collection.searchWithDiagnostics(query, {
          ...options,
          rescore: 'uncertain',
        })
        expect(diagnostics.reads).toBeLessThanOrEqual(bounded.diagnostics.reads)
        reads += diagnostics.reads
        boundedReads += bounded.diagnostics.reads
        const scores = new Map(bounded.hits.map(({ id, score }) => [id, score]))
        const better = metric === 'cosine' || metric === 'dot' ? -1 : 1
        for (const [rank, { id, score, exact }] of hits.entries()) {
          kept += Number(scores.has(id))
          if (exact && scores.has(id)) expect(score).toBe(scores.get(id))
          const next = hits[rank + 1]
          if (next !== undefined) expect((next.score - score) * better).toBeGreaterThanOrEqual(0)
        }
        expect(hits.filter(({ exact }) => exact).length).toBeLessThanOrEqual(diagnostics.reads)
      }
      expect(kept / (10 * queries.length)).toBeGreaterThanOrEqual(0.999)
      // Binary codes of so few components leave all of them in doubt.
      if (kind === scalar) expect(reads).toBeLessThan(boundedReads / 2)
    },
  )

  it('works with thresholds, vectors and batches; a page behind an offset is all read', async () => {
    const { collection } = await filled('cosine')
    const [query = new Float32Array()] = queries
    const uncertain = { rescore: 'uncertain' } as const
    const hits = await collection.search(query, { ...uncertain, withVector: true })
    for (const { id, vector } of hits) expect(vector).toEqual(points[Number(id)]?.vector)
    const [first, , third] = hits
    const few = await collection.search(query, { ...uncertain, scoreThreshold: third?.score ?? 0 })
    expect(few.map(({ id }) => id)).toEqual(hits.slice(0, 3).map(({ id }) => id))
    expect(await collection.searchBatch([query, query], uncertain)).toEqual(
      [0, 1].map(() => hits.map(({ vector: _, ...hit }) => hit)),
    )
    const page = await collection.search(query, { ...uncertain, offset: 1, limit: 5 })
    expect(page).toEqual(await collection.search(query, { offset: 1, limit: 5 }))
    expect(first?.id).toBe((await collection.search(query))[0]?.id)
  })

  it('reads less for a larger loss, and refuses one that has no meaning', async () => {
    const { collection } = await filled('euclidean', binary())
    const reads = async (options: object) => {
      let sum = 0
      for (const query of queries.slice(0, 30)) {
        sum += (await collection.searchWithDiagnostics(query, options)).diagnostics.reads
      }
      return sum
    }
    for (const rescore of ['bounded', 'uncertain'] as const) {
      const [none, usual, much] = [
        await reads({ rescore, rescoreLoss: 0 }),
        await reads({ rescore }),
        await reads({ rescore, rescoreLoss: 0.1 }),
      ]
      expect(none).toBeGreaterThanOrEqual(usual)
      expect(usual).toBeGreaterThan(much)
    }
    const [query = new Float32Array()] = queries
    const refused = { code: 'ANNULUS_INVALID_ARGUMENT', details: { option: 'rescoreLoss' } }
    for (const options of [
      { rescoreLoss: 1 },
      { rescoreLoss: -0.1 },
      { rescoreLoss: Number.NaN },
      { rescoreLoss: 0.01, rescore: true },
      { rescoreLoss: 0.01, rescore: false },
      { rescoreLoss: 0.1, targetRecall: 0.95 },
    ]) {
      await expect(collection.search(query, options)).rejects.toMatchObject(refused)
    }
  })

  it('takes its defaults from the collection', async () => {
    const [query = new Float32Array()] = queries
    const { collection } = await filled('cosine', scalar(), { rescore: true, oversampling: 3 })
    const reads = async (options: object) =>
      (await collection.searchWithDiagnostics(query, options)).diagnostics.reads
    expect(await reads({})).toBe(30)
    expect(await reads({ oversampling: 2 })).toBe(20)
    expect(await reads({ rescore: 'bounded' })).toBeLessThan(20)
    expect(await reads({ rescore: false })).toBe(0)
  })

  it('reads everything while a code has no bounds', async () => {
    const { collection } = await filled('cosine', scalar(), { codesFrom: 20 })
    const few = await openHere(await directory(), memoryStorage())
    const small = await few.collection('c', { dimension, codesFrom: 20 })
    await small.upsert(points.slice(0, 90))
    await small.waitForIndex()
    const [query = new Float32Array()] = queries
    const { diagnostics } = await small.searchWithDiagnostics(query, { oversampling: 4 })
    expect(diagnostics).toMatchObject({ strategy: 'scan', reads: 40 })
    expect(collection.stats().index.codes).toBe('scalar')
  })
})
