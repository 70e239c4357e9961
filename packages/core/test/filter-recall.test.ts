// Recall of filtered searches on real vectors: filters that have nothing to do with the query, those that let through
// what lies around it, and those that let through what lies far from it.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { memoryStorage } from '@annulus/storage'
import { expect, it } from 'vitest'
import type { Collection } from '../src/index.js'
import { directory, exactScore, openHere, random } from './world.js'

const data =
  process.env['ANNULUS_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))
const folder = `${data}/ml-notes-384-cosine`
const dimension = 384
const count = 12_000
const clusterCount = 200
const shares = [0.001, 0.01, 0.15, 0.5]
const field = (share: number) => `in${share}`

async function rows(name: string, max: number): Promise<Float32Array[]> {
  const bytes = await readFile(`${folder}/${name}`)
  const rowBytes = 4 + 4 * dimension
  return Array.from({ length: Math.min(max, bytes.length / rowBytes) }, (_, row) => {
    const from = row * rowBytes + 4
    return new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + from + 4 * dimension),
    )
  })
}

const missing = existsSync(`${folder}/base.fvecs`)
  ? ''
  : ` (skipped: no ml-notes-384-cosine in ${data})`

it.skipIf(missing !== '')(
  `finds at least 0.95 of what passes a filter, however it lies to the query${missing}`,
  async () => {
    const [base, queries] = [await rows('base.fvecs', count), await rows('queries.fvecs', 100)]
    const next = random(5)
    const pivots = Array.from({ length: clusterCount }, () => base[Math.floor(next() * count)])
    const toPivots = (vector: Float32Array) =>
      pivots.map((pivot) => exactScore('cosine', vector, pivot ?? []))
    const clusterOf = base.map((vector) => {
      const scores = toPivots(vector)
      return scores.indexOf(Math.max(...scores))
    })
    const sizes = pivots.map((_, cluster) => clusterOf.filter((each) => each === cluster).length)
    const points = base.map((vector, id) => {
      const place = next()
      const drawn = shares.map((share) => [field(share), place < share] as const)
      return { id, vector, payload: { cluster: clusterOf[id], ...Object.fromEntries(drawn) } }
    })
    const db = await openHere(await directory(), memoryStorage())
    const indexedFields = ['cluster', ...shares.map(field)]
    const collection: Collection = await db.collection('c', { dimension, indexedFields })
    await collection.upsert(points)
    await collection.waitForIndex()

    /** Clusters in an order, until they hold a share of the points. */
    const firstOf = (order: number[], share: number) => {
      let held = 0
      return order.filter((cluster) => {
        const wanted = held < share * count
        if (wanted) held += sizes[cluster] ?? 0
        return wanted
      })
    }
    const filters = (query: Float32Array, share: number) => {
      const scores = toPivots(query)
      const near = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
      return {
        random: { [field(share)]: true },
        near: { cluster: { in: firstOf(near, share) } },
        far: { cluster: { in: firstOf([...near].reverse(), share) } },
      }
    }
    const ways = new Set<string>()
    for (const share of shares) {
      const found: Record<string, { hits: number; due: number }> = {}
      for (const query of queries) {
        for (const [kind, filter] of Object.entries(filters(query, share))) {
          const truth = await collection.search(query, { filter, exact: true })
          const { hits, diagnostics } = await collection.searchWithDiagnostics(query, {
            filter,
            ef: 64,
          })
          ways.add(diagnostics.strategy)
          const ids = new Set(hits.map(({ id }) => id))
          const sum = found[kind] ?? { hits: 0, due: 0 }
          sum.hits += truth.filter(({ id }) => ids.has(id)).length
          sum.due += truth.length
          found[kind] = sum
        }
      }
      for (const [kind, { hits, due }] of Object.entries(found)) {
        expect(hits / due, `${kind}, ${share}`).toBeGreaterThanOrEqual(0.95)
      }
    }
    // What few points pass is scanned; the rest is walked.
    expect([...ways].sort()).toEqual(expect.arrayContaining(['graph', 'scan']))
  },
  120_000,
)
