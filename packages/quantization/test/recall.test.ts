import { join } from 'node:path'
import { type Metric, Pool } from '@annulus/native'
import { afterAll, expect, it } from 'vitest'
import { binary, product, type Quantizer, scalar } from '../src/index.js'
import { dataSet, distance, normalised, readRows, rowOf } from './support.js'

const pool = new Pool()
afterAll(() => pool.close())

const BASE = 4000
const QUERIES = 50
const LIMIT = 10

interface Case {
  readonly set: string
  readonly metric: Metric
  readonly file: string
  readonly codes: string
  readonly quantizer: () => Quantizer
  /** Least recall@10 as it is, and with `candidates` rescored. */
  readonly plain: number
  readonly candidates: number
  readonly rescored: number
}

const fashion = {
  set: 'fashion-mnist-784-euclidean',
  metric: 'euclidean',
  file: 'base.bvecs',
} as const
const notes = { set: 'ml-notes-384-cosine', metric: 'cosine', file: 'base.fvecs' } as const

// Thresholds of binary and product: what a float64 model of the same estimator finds for these rows
// and queries, less 0.02. Seeds of k-means differ by 0.04 on ml-notes: the least of four counts.
const cases: readonly Case[] = [
  { ...fashion, ...scalarCase(1) },
  { ...notes, ...scalarCase(0.965) },
  { ...fashion, ...binaryCase(0.626, 0.968) },
  { ...notes, ...binaryCase(0.578, 0.926) },
  { ...fashion, ...productCase(0.926, 0.98) },
  { ...notes, ...productCase(0.75, 0.976) },
]

function scalarCase(plain: number) {
  return { codes: 'scalar', quantizer: () => scalar(), plain, candidates: 20, rescored: 0.999 }
}

function binaryCase(plain: number, rescored: number) {
  return { codes: 'binary', quantizer: () => binary(), plain, candidates: 40, rescored }
}

function productCase(plain: number, rescored: number) {
  const quantizer = () => product({ compression: 16 })
  return { codes: 'product', quantizer, plain, candidates: 40, rescored }
}

for (const { set, metric, file, codes: kind, quantizer, plain: least, ...then } of cases) {
  const folder = dataSet(set)
  const test = folder === undefined ? it.skip : it
  const reason = folder === undefined ? ' (skipped: the data set is missing)' : ''
  test(`recall@10 of a scan over ${kind} codes of ${set}${reason}`, async () => {
    const { rows, dimension } = readRows(join(folder ?? '', file), BASE)
    const queries = readRows(join(folder ?? '', 'queries.fvecs'), QUERIES).rows
    const codes = await quantizer().train(rows, { dimension, metric, pool })
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
      const { slots } = await codes.scan(query, { k: then.candidates })
      const near = Array.from(slots, (slot) => (exact[slot] ?? Number.NaN) <= reach)
      plain += near.slice(0, LIMIT).filter(Boolean).length
      rescored += Math.min(LIMIT, near.filter(Boolean).length)
    }
    expect(plain / QUERIES / LIMIT).toBeGreaterThanOrEqual(least)
    expect(rescored / QUERIES / LIMIT).toBeGreaterThanOrEqual(then.rescored)
  })
}
