import { join } from 'node:path'
import { type Metric, Pool } from '@annulus/native'
import { afterAll, expect, it } from 'vitest'
import { scalar } from '../src/index.js'
import { dataSet, distance, normalised, readRows, rowOf } from './support.js'

const pool = new Pool()
afterAll(() => pool.close())

const BASE = 4000
const QUERIES = 50
const LIMIT = 10

const sets: readonly [string, Metric, string, number][] = [
  ['fashion-mnist-784-euclidean', 'euclidean', 'base.bvecs', 1],
  ['ml-notes-384-cosine', 'cosine', 'base.fvecs', 0.965],
]

for (const [name, metric, file, least] of sets) {
  const folder = dataSet(name)
  const test = folder === undefined ? it.skip : it
  const reason = folder === undefined ? ' (skipped: the data set is missing)' : ''
  test(`recall@10 of a scan over scalar codes of ${name}${reason}`, async () => {
    const { rows, dimension } = readRows(join(folder ?? '', file), BASE)
    const queries = readRows(join(folder ?? '', 'queries.fvecs'), QUERIES).rows
    const codes = await scalar().train(rows, { dimension, metric, pool })
    await codes.encode(0, rows)
    const stored = (vector: Float32Array) => (metric === 'cosine' ? normalised(vector) : vector)
    const base = Array.from({ length: rows.length / dimension }, (_, slot) =>
      stored(rowOf(rows, dimension, slot)),
    )
    let plain = 0
    let rescored = 0
    for (let q = 0; q < QUERIES; q++) {
      const query = stored(rowOf(queries, dimension, q))
      const exact = base.map((vector) => distance(metric, query, vector))
      const reach = exact.slice().sort((a, b) => a - b)[LIMIT - 1] ?? Number.NaN
      const { slots } = await codes.scan(query, { k: 2 * LIMIT })
      const near = Array.from(slots, (slot) => (exact[slot] ?? Number.NaN) <= reach)
      plain += near.slice(0, LIMIT).filter(Boolean).length
      rescored += Math.min(LIMIT, near.filter(Boolean).length)
    }
    expect(plain / QUERIES / LIMIT).toBeGreaterThanOrEqual(least)
    expect(rescored / QUERIES / LIMIT).toBeGreaterThanOrEqual(0.999)
  })
}
