// Recall on real vectors. Skipped, with the reason, where the data sets are missing.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { type Metric, open } from '../src/index.js'
import { exactScore, isBetter, lastingDirectory } from './world.js'

const data =
  process.env['ANNULUS_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))

/** The row number is the id; each row is a little-endian int32 dimension and its values. */
async function rows(name: string): Promise<Float32Array[]> {
  const bytes = await readFile(`${data}/${name}`)
  const dimension = bytes.readInt32LE(0)
  const size = { bvecs: 1, fvecs: 4, ivecs: 4 }[name.split('.').at(-1) ?? ''] ?? 4
  const rowBytes = 4 + dimension * size
  return Array.from({ length: bytes.length / rowBytes }, (_, row) => {
    const values = bytes.subarray(row * rowBytes + 4, (row + 1) * rowBytes)
    if (size === 1) return Float32Array.from(values)
    const view = new DataView(values.buffer, values.byteOffset, values.length)
    const read = name.endsWith('.ivecs') ? view.getInt32.bind(view) : view.getFloat32.bind(view)
    return Float32Array.from({ length: dimension }, (_, index) => read(index * 4, true))
  })
}

/** Rows taken of each set; the whole of both is searched by the tests of the package `annulus`. */
const sets: [string, Metric, string, number][] = [
  ['ml-notes-384-cosine', 'cosine', 'base.fvecs', 22_000],
  ['fashion-mnist-784-euclidean', 'euclidean', 'base.bvecs', 12_000],
]
const queriesUsed = 300
const bruteForceQueries = 60

/** Rows of the ten nearest vectors, by brute force in float64. */
function nearest(metric: Metric, query: Float32Array, base: readonly Float32Array[]): number[] {
  return base
    .map((vector, row) => ({ row, score: exactScore(metric, query, vector) }))
    .sort((a, b) => (isBetter(metric, a.score, b.score) ? -1 : 1))
    .slice(0, 10)
    .map(({ row }) => row)
}

describe.each(sets)('%s', (set, metric, file, count) => {
  const missing = existsSync(`${data}/${set}/${file}`) ? undefined : `no ${set} in ${data}`

  it.skipIf(missing !== undefined)(
    `recall@10 is at least 0.99 with scalar codes and oversampling 2${missing === undefined ? '' : ` (skipped: ${missing})`}`,
    async () => {
      const whole = await rows(`${set}/${file}`)
      const base = whole.slice(0, count)
      const isWhole = base.length === whole.length
      const truth = isWhole ? await rows(`${set}/groundtruth.ivecs`) : []
      const queries = (await rows(`${set}/queries.fvecs`)).slice(
        0,
        isWhole ? queriesUsed : bruteForceQueries,
      )
      await using db = await open(await lastingDirectory(), { storage: memoryStorage() })
      const collection = await db.collection('c', { dimension: base[0]?.length ?? 0, metric })
      await collection.upsert(base.map((vector, id) => ({ id, vector })))
      await collection.waitForIndex()
      expect(collection.stats().index).toMatchObject({ codes: 'scalar', linked: base.length })
      let found = 0
      for (const [index, query] of queries.entries()) {
        const best = Array.from(truth[index]?.subarray(0, 10) ?? nearest(metric, query, base))
        const { hits, diagnostics } = await collection.searchWithDiagnostics(query, {
          oversampling: 2,
        })
        expect(diagnostics.strategy).toBe('graph')
        expect(diagnostics.reads).toBeLessThanOrEqual(20)
        found += hits.filter(({ id }) => best.includes(Number(id))).length
        for (const hit of hits) {
          const score = exactScore(metric, query, base[Number(hit.id)] ?? [])
          expect(Math.abs(hit.score - score)).toBeLessThanOrEqual(1e-4 * score)
        }
      }
      expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.99)
      for (const query of queries.slice(0, 10)) {
        const hits = await collection.search(query, { exact: true })
        expect(hits.map(({ id }) => id)).toEqual(nearest(metric, query, base))
      }
    },
    300_000,
  )
})
