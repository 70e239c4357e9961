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

describe('bounded rescoring', () => {
  it.each([
    ['cosine', scalar],
    ['dot', scalar],
    ['euclidean', scalar],
    ['manhattan', scalar],
    ['cosine', binary],
    ['euclidean', binary],
  ] as const)(
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
            [{}, { rescore: true }, { oversampling: 3, ef: 20 }, { limit: 3, offset: 4 }].map(
              async (options) => {
                const { hits, diagnostics } = await of.searchWithDiagnostics(query, options)
                return { hits, reads: diagnostics.reads, candidates: diagnostics.candidates }
              },
            ),
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
