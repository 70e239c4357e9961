import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AbortError, Pool } from '@annulus/native'
import { describe, expect, it } from 'vitest'
import { HnswIndex, type InsertProgress } from '../src/index.js'
import { codedPoints } from './coded-points.js'
import { faults, range, row } from './points.js'

const dimension = 16
const count = 20_000
const points = codedPoints(count, dimension, { seed: 4 })
const { vectors } = points

function fresh(): HnswIndex {
  return points.newGraph({ m: 8, efConstruct: 48 })
}

describe('while inserting', () => {
  it.each([true, false])(
    'searches, removals and snapshots go on (background %s)',
    async (background) => {
      const graph = fresh()
      let inserting = true
      const insertion = graph
        .insert(range(0, count / 2), { background })
        .finally(() => (inserting = false))
      let searches = 0
      const searcher = async () => {
        while (inserting) {
          const query = row(vectors, dimension, (searches * 31) % count)
          const { slots, distances } = await graph.search(query, { k: 10, ef: 20 })
          expect(faults(slots, distances)).toEqual([])
          searches++
        }
      }
      const saver = async () => {
        do {
          const path = join(points.directory, `during-${background}`)
          await graph.save(path)
          const loaded = await HnswIndex.load(path, {
            pool: points.pool,
            scorer: points.codes.scorer(),
          })
          expect(await loaded.check()).toMatchObject({ violations: 0 })
          await loaded.close()
        } while (inserting)
      }
      graph.remove(range(0, 100))
      await Promise.all([insertion, searcher(), searcher(), saver()])
      expect(searches).toBeGreaterThan(5)
      expect(graph.size).toBe(count / 2 - 100)
      expect(await graph.check()).toMatchObject({ violations: 0 })
      await graph.close()
    },
  )

  it('two insertions of the same slots link each once', async () => {
    const graph = fresh()
    const slots = range(0, 3000)
    await Promise.all([graph.insert(slots), graph.insert(slots.toReversed(), { background: true })])
    expect(graph.size).toBe(3000)
    expect(await graph.check()).toMatchObject({ nodes: 3000, violations: 0 })
    await graph.close()
  })

  it('reports progress that grows to the total', async () => {
    const graph = fresh()
    const seen: InsertProgress[] = []
    await graph.insert(range(0, 4000), { onProgress: (progress) => seen.push(progress) })
    expect(seen.at(-1)).toEqual({ done: 4000, total: 4000 })
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b))
    await graph.close()
  })

  it('stops when the progress callback throws, with what it threw', async () => {
    const graph = fresh()
    const insertion = graph.insert(range(0, count), {
      onProgress: () => {
        throw new Error('no more')
      },
    })
    await expect(insertion).rejects.toThrow('no more')
    await graph.close()
  })
})

describe('abort', () => {
  it('ends an insertion, which can then be repeated', async () => {
    const graph = fresh()
    const controller = new AbortController()
    const insertion = graph.insert(range(0, count), { signal: controller.signal })
    while (graph.size === 0) await graph.search(row(vectors, dimension, 0), { k: 1 })
    controller.abort(new Error('changed my mind'))
    const error = await insertion.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toMatchObject({ cause: new Error('changed my mind') })
    expect(graph.size).toBeLessThan(count)
    expect(await graph.check()).toMatchObject({ violations: 0 })
    await graph.insert(range(0, 2000))
    expect(range(0, 2000).every((slot) => graph.contains(slot))).toBe(true)
    await graph.close()
  })

  it('before the start is an AbortError and changes nothing', async () => {
    const graph = fresh()
    const signal = AbortSignal.abort('early')
    await expect(graph.insert(range(0, 10), { signal })).rejects.toBeInstanceOf(AbortError)
    const search = graph.search(row(vectors, dimension, 0), { signal })
    await expect(search).rejects.toBeInstanceOf(AbortError)
    expect(graph.size).toBe(0)
    await graph.close()
  })

  it('by closing rejects the insertion and waits for it', async () => {
    const graph = fresh()
    const insertion = graph.insert(range(0, count)).catch((error: unknown) => error)
    await graph.close()
    expect(await insertion).toMatchObject({ code: 'ANNULUS_CLOSED' })
  })
})

describe('threads', () => {
  it('can be terminated while they insert, search and save', async () => {
    for (let round = 0; round < 4; round++) {
      const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
        workerData: { path: join(points.directory, 'worker'), count: 20_000 },
        execArgv: [], // the built packages, not their sources
      })
      await new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      const started = performance.now()
      expect(await worker.terminate()).toBe(1)
      expect(performance.now() - started).toBeLessThan(10_000)
    }
  })

  it('of a pool that is closed first still let an insertion end', async () => {
    const other = new Pool(2)
    const graph = HnswIndex.create({
      pool: other,
      scorer: points.codes.scorer(),
      m: 8,
      efConstruct: 16,
    })
    const insertion = graph.insert(range(0, 3000), { background: true })
    other.close()
    await insertion
    expect(graph.size).toBe(3000)
    await graph.close()
  })
})
