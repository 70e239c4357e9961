// Every live node is found by its own vector: in a fresh graph of real data, and after many random
// operations, of which ANNULUS_OPERATIONS sets the number.
import { Pool } from '@annulus/native'
import { type Codes, scalar } from '@annulus/quantization'
import { describe, expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { clumpedVectors, encode, randomFrom, range, row } from './points.js'
import { hasRealSet, readRealSet } from './real-set.js'

const operations = Number(process.env['ANNULUS_OPERATIONS'] ?? 4_000)

/** Share of the slots that a search for their own vector finds, or one as near. */
async function foundBySelf(
  index: HnswIndex,
  codes: Codes,
  slots: Uint32Array,
  vectorOf: (slot: number) => Float32Array,
): Promise<number> {
  let found = 0
  for (const slot of slots) {
    const query = vectorOf(slot)
    const { slots: near, distances } = await index.search(query, { k: 10, ef: 64 })
    if (!near.includes(slot)) {
      const [least = 0] = (await codes.scan(query, { k: 1 })).distances
      // Copies of a vector are as good as itself.
      if ((distances[0] ?? Number.POSITIVE_INFINITY) > least) continue
    }
    found++
  }
  return found / slots.length
}

const set = 'ml-notes-384-cosine'
describe.skipIf(!hasRealSet(set))(`${set} (skipped when ANNULUS_DATA has no such set)`, () => {
  it('every node is found by its own vector, but for one in a thousand', async () => {
    const pool = new Pool(1)
    const { base, dimension } = readRealSet(set, 22_000)
    const codes = await encode(base, dimension, pool, scalar(), 'cosine')
    const index = HnswIndex.create({ pool, scorer: codes.scorer(), seed: 1 })
    const slots = range(0, codes.slots)
    await index.insert(slots)
    const every = slots.filter((slot) => slot % 2 === 0)
    const share = await foundBySelf(index, codes, every, (slot) => row(base, dimension, slot))
    expect(share).toBeGreaterThanOrEqual(0.999)
    await index.close()
    codes.close()
    pool.close()
  }, 120_000)
})

describe(`after ${operations} insertions, removals and overwritings at random`, () => {
  it('the graph is whole and every live node is found by its own vector', async () => {
    const pool = new Pool()
    const dimension = 32
    const count = Math.max(1_000, operations / 5)
    const vectors = clumpedVectors(2 * count, dimension, 5)
    const random = randomFrom(6)
    const codes = await encode(vectors.subarray(0, count * dimension), dimension, pool)
    const index = HnswIndex.create({ pool, scorer: codes.scorer(), m: 8 })
    const rows = Array.from({ length: count }, (_, slot) => slot)
    const live = new Set<number>()
    const vectorOf = (slot: number) => row(vectors, dimension, rows[slot] ?? 0)
    let free = [...range(0, count)]
    for (let done = 0; done < operations; ) {
      const size = 1 + Math.floor(random() * Math.max(50, operations / 100))
      const added = Uint32Array.from(free.splice(0, size))
      const gone = [...live].filter(() => random() < size / (2 * count))
      for (const slot of added) {
        rows[slot] = Math.floor(random() * 2 * count)
        await codes.encode(slot, vectorOf(slot))
      }
      const inserting = index.insert(added)
      index.remove(Uint32Array.from(gone))
      for (const slot of added) live.add(slot)
      for (const slot of gone) live.delete(slot)
      await inserting
      const taken = [...live].filter(() => random() < 0.01)
      index.remove(Uint32Array.from(taken))
      for (const slot of taken) live.delete(slot)
      const { freed } = await index.repair()
      free = [...free, ...freed].sort(() => random() - 0.5)
      done += added.length + gone.length + taken.length
    }
    expect(index.size).toBe(live.size)
    expect(live.size).toBeGreaterThan(count / 10)
    expect(await index.check()).toMatchObject({ nodes: live.size, violations: 0 })
    const linked = Uint32Array.from(live)
    const nearest = async (slot: number) => (await index.search(vectorOf(slot), { k: 1 })).distances
    let found = 0
    for (const slot of linked) if ((await nearest(slot))[0] === 0) found++
    expect(found / linked.length).toBeGreaterThanOrEqual(0.999)
    await index.close()
    codes.close()
    pool.close()
  }, 600_000)
})
