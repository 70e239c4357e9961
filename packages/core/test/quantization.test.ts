// Every kind of code through a collection: its graph is built, searched, saved and loaded again.
import {
  binary,
  none,
  product,
  type Quantizer,
  quantizerFrom,
  rotated,
  scalar,
} from '@annulus/quantization'
import { describe, expect, it } from 'vitest'
import { directory, lastingMemory, openHere, random } from './world.js'

const dimension = 32
const next = random(5)
const points = Array.from({ length: 400 }, (_, id) => ({
  id,
  vector: Array.from({ length: dimension }, () => next() - 0.5),
}))

const quantizers: readonly Quantizer[] = [
  none(),
  scalar({ quantile: 0.99 }),
  product({ compression: 8 }),
  binary(),
  rotated({ bits: 4 }),
]

describe.each(quantizers)('a collection with $kind codes', (quantization) => {
  const create = { dimension, quantization, codesFrom: 50, graphFrom: 200 }

  it('builds a graph, finds its points, and is opened again from its snapshot', async () => {
    const path = await directory()
    const storage = lastingMemory()
    const db = await openHere(path, storage)
    const collection = await db.collection('points', create)
    await collection.upsert(points)
    await collection.waitForIndex()
    expect(collection.stats().index).toMatchObject({ codes: quantization.kind, linked: 400 })
    await db.close()

    const again = await openHere(path, storage)
    const rebuilt: unknown[] = []
    again.on('rebuilt', (event) => rebuilt.push(event))
    // Neither kind nor settings are given: the collection keeps them.
    const reopened = await again.collection('points', { codesFrom: 50, graphFrom: 200 })
    expect(reopened.stats().index).toMatchObject({ codes: quantization.kind, linked: 400 })
    expect(rebuilt).toEqual([])
    for (const id of [0, 77, 399]) {
      const hits = await reopened.search(points[id]?.vector ?? [], {
        limit: 3,
        oversampling: 8,
      })
      expect(hits[0]?.id).toBe(id)
    }
  })

  it('refuses to be opened with other codes', async () => {
    const path = await directory()
    const storage = lastingMemory()
    const db = await openHere(path, storage)
    await db.collection('points', create)
    await db.close()
    const again = await openHere(path, storage)
    const others = [scalar({ quantile: 0.9 }), product({ compression: 64 }), rotated({ bits: 1 })]
    for (const other of others) {
      await expect(again.collection('points', { quantization: other })).rejects.toMatchObject({
        code: 'ANNULUS_EXISTS',
      })
    }
    const same = quantizerFrom(quantization.kind, quantization.settings)
    await again.collection('points', same === undefined ? {} : { quantization: same })
  })
})

it('a metric that the codes do not know is refused before anything is created', async () => {
  const db = await openHere(await directory(), lastingMemory())
  const wanted = { dimension, metric: 'manhattan', quantization: binary() } as const
  await expect(db.collection('points', wanted)).rejects.toMatchObject({
    code: 'ANNULUS_UNSUPPORTED',
  })
  expect(db.collections()).toEqual([])
})
