// Recall of rotated codes on real sets: all vectors, against the ground truth that comes with them.
import { join } from 'node:path'
import { type Metric, Pool } from '@annulus/native'
import { afterAll, expect, it } from 'vitest'
import { rotated } from '../src/index.js'
import { dataSet, distance, normalised, readRows, rowOf } from './support.js'

const pool = new Pool()
afterAll(() => pool.close())

const QUERIES = 100
const LIMIT = 10
const SAMPLE = 10_000

interface Case {
  readonly set: string
  readonly metric: Metric
  readonly file: string
  readonly bits: number
  /** How many of the nearest codes may hold the results: LIMIT without rescoring. */
  readonly candidates: number
  readonly least: number
}

const notes = { set: 'ml-notes-384-cosine', metric: 'cosine', file: 'base.fvecs' } as const
const fashion = {
  set: 'fashion-mnist-784-euclidean',
  metric: 'euclidean',
  file: 'base.bvecs',
} as const

const cases: readonly Case[] = [
  { ...notes, bits: 8, candidates: LIMIT, least: 0.98 },
  { ...notes, bits: 4, candidates: LIMIT, least: 0.93 },
  { ...notes, bits: 1, candidates: 4 * LIMIT, least: 0.97 },
  { ...fashion, bits: 1, candidates: 4 * LIMIT, least: 0.99 },
]

for (const { set, metric, file, bits, candidates, least } of cases) {
  const folder = dataSet(set)
  const test = folder === undefined ? it.skip : it
  const reason = folder === undefined ? ' (skipped: the data set is missing)' : ''
  test(`recall@10 of ${bits} bits among ${candidates} of ${set}${reason}`, async () => {
    const path = (name: string) => join(folder ?? '', name)
    const { rows, dimension } = readRows(path(file), Number.MAX_SAFE_INTEGER)
    const queries = readRows(path('queries.fvecs'), QUERIES).rows
    const truth = readRows(path('groundtruth.ivecs'), QUERIES)
    const sample = rows.subarray(0, SAMPLE * dimension)
    const codes = await rotated({ bits }).train(sample, { dimension, metric, pool })
    await codes.encode(0, rows)
    const stored = (vector: Float32Array) => (metric === 'cosine' ? normalised(vector) : vector)
    let found = 0
    for (let q = 0; q < QUERIES; q++) {
      const query = stored(rowOf(queries, dimension, q))
      const exact = (slot: number) => distance(metric, query, stored(rowOf(rows, dimension, slot)))
      // A result as near as the tenth nearest counts: ties are no errors.
      const tenth = exact(truth.rows[q * truth.dimension + LIMIT - 1] ?? Number.NaN)
      const reach = tenth + Math.abs(tenth) * 1e-6
      const { slots } = await codes.scan(query, { k: candidates })
      found += Math.min(LIMIT, slots.filter((slot) => exact(slot) <= reach).length)
    }
    expect(found / QUERIES / LIMIT).toBeGreaterThanOrEqual(least)
    codes.close()
  })
}
