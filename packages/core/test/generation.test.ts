import { HnswIndex } from '@annulus/hnsw'
import { Pool } from '@annulus/native'
import { none } from '@annulus/quantization'
import { describe, expect, it } from 'vitest'
import { Generation, withScorer } from '../src/generation.js'
import { vectors } from './world.js'

const dimension = 4

async function linked(count: number) {
  const pool = new Pool(1)
  const all = Float32Array.from(vectors(count, dimension).flatMap((vector) => [...vector]))
  const codes = await none().train(new Float32Array(), { dimension, metric: 'euclidean', pool })
  const generation = new Generation(codes, count)
  const slots = Uint32Array.from({ length: count }, (_, slot) => slot)
  await generation.encode(slots, all)
  const graph = await withScorer(codes, (scorer) => HnswIndex.create({ pool, scorer }))
  generation.graph = graph
  const close = async () => {
    await generation.close()
    pool.close()
  }
  return { generation, graph, slots, close }
}

describe('slots that die while a job runs', () => {
  it('leave the graph at once, lest searches find them until the job ends', async () => {
    const { generation, graph, slots, close } = await linked(20)
    await graph.insert(slots)
    await generation.exclusively(async () => {
      generation.remove([3, 7])
      expect([3, 7].map((slot) => graph.contains(slot))).toEqual([false, false])
    })
    expect(graph.size).toBe(18)
    await close()
  })

  it('leave it at the end of the job that was about to link them', async () => {
    const { generation, graph, slots, close } = await linked(20)
    await generation.exclusively(async () => {
      const linking = graph.insert(slots)
      generation.remove([19])
      await linking
    })
    expect(graph.contains(19)).toBe(false)
    expect(graph.size).toBe(19)
    await close()
  })
})
