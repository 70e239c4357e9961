import { memoryStorage, type VectorStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { AbortError, AnnulusError, limits } from '../src/index.js'
import { directory, failure, openHere, vectors, wrapped } from './world.js'

const dimension = 8
const points = (count: number, first = 0) =>
  vectors(count, dimension, first + 1).map((vector, index) => ({ id: first + index, vector }))

describe('writes', () => {
  it('share one flush and one commit when they are concurrent', async () => {
    let flushes = 0
    const storage = wrapped(memoryStorage(), (inner) => ({
      flush() {
        flushes++
        return inner.flush()
      },
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension })
    const before = collection.stats().writes.commits
    await Promise.all(points(100).map((point) => collection.upsert(point)))
    const { commits } = collection.stats().writes
    expect(commits - before).toBe(1)
    expect(flushes).toBe(1)
    expect(collection.size).toBe(100)
  })

  it('gather while a commit is under way, up to a group at a time', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection('c', { dimension })
    const writes = [collection.upsert(points(1))]
    await new Promise(setImmediate)
    for (let i = 0; i < 25; i++) writes.push(collection.upsert(points(100, 1_000 + i * 100)))
    await Promise.all(writes)
    expect(collection.size).toBe(2_501)
    expect(collection.stats().writes.commits).toBeLessThanOrEqual(1 + Math.ceil(2_501 / 1_000) + 1)
  })

  it('take effect in the order of their calls', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection<{ n: number }>('c', { dimension })
    const [point] = points(1)
    if (point === undefined) throw new Error('no point')
    await Promise.all([
      collection.upsert({ ...point, payload: { n: 1 } }),
      collection.upsert({ ...point, payload: { n: 2 } }),
      collection.delete(point.id),
      collection.upsert({ ...point, payload: { n: 3 } }),
    ])
    expect(await collection.get(point.id)).toEqual({ id: point.id, payload: { n: 3 } })
    expect(collection.size).toBe(1)
  })

  it('never mix up the vectors of groups, though they share memory', async () => {
    const storage = memoryStorage()
    const db = await openHere(await directory(), storage)
    const wide = 1_024
    const collection = await db.collection('c', { dimension: wide, metric: 'euclidean' })
    // 80 KiB a group: from the second round on in memory that another one was in.
    const group = (first: number) =>
      Array.from({ length: 20 }, (_, i) => ({
        id: first + i,
        vector: new Float32Array(wide).fill(first + i + 1),
      }))
    const firsts = [0, 100, 200, 300]
    for (let round = 0; round < 3; round++) {
      const bad = { id: 7, vector: new Float32Array(wide).fill(Number.NaN) }
      const all = firsts.map((first) => collection.upsert(group(first + 20 * round)))
      await expect(collection.upsert([...group(900), bad])).rejects.toThrow('not a finite')
      await Promise.all(all)
    }
    let seen = 0
    for await (const { id, vector } of collection.points({ withVector: true })) {
      expect(vector?.every((component) => component === Number(id) + 1)).toBe(true)
      seen++
    }
    expect(seen).toBe(240)
  })

  it('apply a larger array group by group, in order', async () => {
    const sizes: number[] = []
    const storage = wrapped(memoryStorage(), (inner) => ({
      write(first, data) {
        sizes.push(data.length / dimension)
        return inner.write(first, data)
      },
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension })
    await collection.upsert(points(2_300))
    expect(sizes).toEqual([1_000, 1_000, 300])
    const ids: unknown[] = []
    for await (const { id } of collection) ids.push(id)
    expect(ids).toEqual(points(2_300).map(({ id }) => id))
  })

  it('are refused after one failed, while searches go on; reopening recovers', async () => {
    let fail = false
    const path = await directory()
    const memory = memoryStorage({ keep: true })
    const storage = wrapped(memory, (inner) => ({
      flush: () =>
        fail ? Promise.reject(new AnnulusError('ANNULUS_IO', 'the disk is gone')) : inner.flush(),
    }))
    const db = await openHere(path, storage)
    const collection = await db.collection('c', { dimension })
    await collection.upsert(points(10))
    fail = true
    expect(await failure(collection.upsert(points(5, 100)))).toBe('ANNULUS_IO')
    fail = false
    expect(await failure(collection.upsert(points(5, 100)))).toBe('ANNULUS_LATCHED')
    expect(await failure(collection.delete(1))).toBe('ANNULUS_LATCHED')
    expect(collection.size).toBe(10)
    expect(await collection.search(vectors(1, dimension)[0] ?? [])).toHaveLength(10)
    expect(await collection.has(100)).toBe(false)
    await db.close()
    const again = await (await openHere(path, storage)).collection('c')
    expect(again.size).toBe(10)
    await again.upsert(points(5, 100))
    expect(again.size).toBe(15)
  })

  it('can be aborted until their commit begins, whole groups only', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const storage = wrapped(memoryStorage(), (inner) => ({
      flush: () => held.then(() => inner.flush()),
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension })
    const first = collection.upsert(points(3))
    await new Promise(setImmediate)
    const controller = new AbortController()
    const second = collection.upsert(points(3, 10), { signal: controller.signal })
    const third = collection.upsert(points(3, 20))
    const reason = new Error('no longer wanted')
    controller.abort(reason)
    // At once, not when its turn comes.
    const error = await second.catch((caught: unknown) => caught)
    release()
    await first
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toMatchObject({ code: 'ANNULUS_ABORTED', cause: reason })
    await third
    expect(await collection.get([0, 10, 20]).then((all) => all.map((each) => each?.id))).toEqual([
      0,
      undefined,
      20,
    ])
  })

  it('do not see what their caller changes afterwards', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection<{ list: number[] }>('c', {
      dimension,
      metric: 'euclidean',
    })
    const vector = new Float32Array(dimension).fill(1)
    const payload = { list: [1] }
    const writing = collection.upsert({ id: 1, vector, payload })
    await new Promise(setImmediate)
    vector.fill(9)
    payload.list.push(2)
    await writing
    const [point] = await collection.get([1], { withVector: true })
    expect(point).toEqual({
      id: 1,
      vector: new Float32Array(dimension).fill(1),
      payload: { list: [1] },
    })
    expect(() => point?.payload?.list.push(3)).toThrow(TypeError)
  })

  it('wait while too many points are not linked yet', async () => {
    const path = await directory()
    const db = await openHere(path, memoryStorage())
    const collection = await db.collection('c', {
      dimension,
      codesFrom: 100,
      graphFrom: 100,
      backlogMax: 200,
    })
    let worst = 0
    for (let first = 0; first < 4_000; first += 100) {
      await collection.upsert(points(100, first))
      worst = Math.max(worst, collection.stats().index.backlog)
    }
    expect(worst).toBeLessThanOrEqual(200 + 100 + limits.groupPointsMax)
    await collection.waitForIndex()
    expect(collection.stats().index.backlog).toBe(0)
  })

  it('leave out payload properties that are undefined, and keep payloads of any JSON', async () => {
    const db = await openHere(await directory(), memoryStorage())
    const collection = await db.collection<Record<string, unknown>>('c', { dimension: 1 })
    const payload = {
      a: undefined,
      b: [null, { c: undefined, d: 'Ω' }],
      e: 2 ** 52,
      f: -0.5,
      g: {},
    }
    await collection.upsert({ id: 'x', vector: [1], payload })
    expect(await collection.get('x')).toEqual({
      id: 'x',
      payload: { b: [null, { d: 'Ω' }], e: 2 ** 52, f: -0.5, g: {} },
    })
    expect(Object.keys((await collection.get('x'))?.payload ?? {})).not.toContain('a')
  })

  it('give vectors to the storage before the commit names their slots', async () => {
    const steps: string[] = []
    const note = <T>(step: string, work: Promise<T>): Promise<T> =>
      work.finally(() => steps.push(step))
    const storage = wrapped(memoryStorage(), (inner: VectorStorage) => ({
      write: (first, data) => note('write', inner.write(first, data)),
      flush: () => note('flush', inner.flush()),
    }))
    const db = await openHere(await directory(), storage)
    const collection = await db.collection('c', { dimension })
    await note('acknowledged', collection.upsert(points(1)))
    expect(steps).toEqual(['write', 'flush', 'acknowledged'])
  })
})
