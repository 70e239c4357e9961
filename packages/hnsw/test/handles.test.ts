// A graph gives its memory back when its sources are released, not when they are collected.
import { Pool, pipelineSearch, releaseHandle } from '@annulus/native'
import { afterAll, expect, it } from 'vitest'
import { HnswIndex } from '../src/index.js'
import { clumpedVectors, encode } from './points.js'

const pool = new Pool(2)
afterAll(() => pool.close())

it('releases a source while searches use it, then refuses it', async () => {
  const vectors = clumpedVectors(500, 8, 5)
  const codes = await encode(vectors, 8, pool)
  const scorer = codes.scorer()
  const graph = HnswIndex.create({ pool, scorer })
  releaseHandle(scorer)
  expect(() => HnswIndex.create({ pool, scorer })).toThrow('released')
  await graph.insert(Uint32Array.from({ length: 500 }, (_, slot) => slot))
  const query = vectors.slice(80, 88)
  const expected = await graph.search(query, { k: 5, ef: 50 })

  const source = graph.source()
  const options = { metric: 'euclidean', limit: 5, candidates: 5, ef: 50 } as const
  const search = () => pipelineSearch(pool, [{ source }], undefined, query, options)
  const running = [search(), search(), search()]
  codes.close()
  releaseHandle(source)
  for (const { slots } of await Promise.all(running)) expect(slots).toEqual(expected.slots)
  await graph.close()
  await expect(search()).rejects.toMatchObject({ code: 'ANNULUS_CLOSED' })
})
