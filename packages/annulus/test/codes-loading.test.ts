// A collection whose codes are read after it has opened: what it does before, whatever their file holds, and how it ends.
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool, PreparedSearch } from '@annulus/native'
import { none } from '@annulus/quantization'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type Collection,
  type Database,
  open,
  type SearchOptions,
  storageByName,
} from '../src/index.js'
import {
  type Backend,
  backends,
  dimension,
  filled,
  type Payload,
  tuning,
  vectors,
} from './filled.js'

const count = 2_000
const all = vectors(count)
const queries = vectors(12, 7)
const [query = new Float32Array(dimension)] = queries
const ef = 32

/** Codes are loaded once `go` is called; holds for all that are opened until then. */
function held(): () => void {
  let go = () => {}
  const until = new Promise<void>((resolve) => {
    go = resolve
  })
  const load = loadCodes
  vi.spyOn(codesPrototype, 'load').mockImplementation(async function (this: object) {
    await until
    return load.call(this)
  })
  return go
}

let loadCodes: (this: object) => Promise<void>
let codesPrototype: { load(this: object): Promise<void> }
let root: string
let path: string
let database: Database
beforeAll(async () => {
  const pool = new Pool(1)
  const codes = await none().train(new Float32Array(2), { dimension: 2, metric: 'dot', pool })
  codesPrototype = Object.getPrototypeOf(codes)
  loadCodes = codesPrototype.load
  codes.close()
  pool.close()
  root = await mkdtemp(join(tmpdir(), 'annulus-loading-'))
  const points = all.map((vector, id) => ({ id, vector, payload: { n: id % 10 } }))
  const saved = await filled(join(root, 'saved'), points)
  await saved.database.close()
})
afterAll(() => rm(root, { recursive: true, force: true }))
beforeEach(renew)
afterEach(async () => {
  vi.restoreAllMocks()
  await database.close()
})

/** Another database as it was saved. */
async function renew(): Promise<void> {
  path = await mkdtemp(join(root, 'copy-'))
  const filter = (source: string) => !source.endsWith('lock')
  await cp(join(root, 'saved'), path, { recursive: true, filter })
}

interface Opened {
  readonly collection: Collection<Payload>
  readonly rebuilt: string[]
  readonly phases: string[]
}

async function opened(backend: Backend = 'mmap', codesLaterFromBytes = 0): Promise<Opened> {
  database = await open(path, { storage: storageByName(backend) })
  const rebuilt: string[] = []
  const phases: string[] = []
  database.on('rebuilt', ({ file, reason }) =>
    rebuilt.push(`${file.split('/').at(-1)?.split('.')[0]} ${reason.code}`),
  )
  database.on('indexing', ({ phase, done, total }) => phases.push(`${phase} ${done}/${total}`))
  const collection = await database.collection<Payload>('c', { ...tuning, codesLaterFromBytes })
  return { collection, rebuilt, phases }
}

async function codesFile(): Promise<string> {
  const directory = join(path, 'collections', '1')
  const name = (await readdir(directory)).find((each) => each.startsWith('codes'))
  return join(directory, name ?? 'none')
}

/** Of those that go by codes alone, or by more of them than a walk looks at. */
const others: SearchOptions<Payload>[] = [
  { filter: { n: 3 }, ef },
  { limit: 700 },
  { ef, rescore: false },
  { ef, rescore: 'uncertain' },
]
/** Of those that go ahead, in their own way or in steps. */
const usual: SearchOptions<Payload>[] = [
  { ef },
  { ef, rescore: true, oversampling: 2 },
  { ef, withVector: true },
  { exact: true },
  { exact: true, filter: { n: 3 } },
]

describe.each(backends)('while codes are loaded, over %s', (backend) => {
  it('the usual searches answer as they do afterwards, and all others wait', async () => {
    const whole = await opened(backend, Number.MAX_SAFE_INTEGER)
    const ask = ({ collection }: Pick<Opened, 'collection'>) =>
      Promise.all(
        usual.flatMap((options) => queries.map((each) => collection.search(each, options))),
      )
    const expected = await ask(whole)
    const slower = await Promise.all(others.map((each) => whole.collection.search(query, each)))
    expect(whole.phases).toEqual([])
    await database.close()
    const go = held()
    const { collection, phases, rebuilt } = await opened(backend)
    const direct = vi.spyOn(PreparedSearch.prototype, 'begin')
    expect(await ask({ collection })).toEqual(expected)
    expect(direct).toHaveBeenCalledTimes(2 * queries.length)
    const { index, memory } = collection.stats()
    expect(index.state).toBe('working')
    expect(index.loaded).toBeLessThan(count)
    let settled = 0
    const waiting = others.map((each) =>
      collection.search(query, each).finally(() => {
        settled++
      }),
    )
    // Usual ones overtake them all.
    await ask({ collection })
    expect(settled).toBe(0)
    go()
    expect(await Promise.all(waiting)).toEqual(slower)
    await collection.waitForIndex()
    expect(phases).toEqual([`loading 0/${count}`, `loading ${count}/${count}`])
    expect(collection.stats().index).toMatchObject({ state: 'idle', loaded: count })
    expect(collection.stats().memory.codes).toBe(memory.codes)
    expect(await ask({ collection })).toEqual(expected)
    expect(rebuilt).toEqual([])
  })

  it('writes are found at once when searched, and indexed afterwards', async () => {
    const go = held()
    const { collection } = await opened(backend)
    const [added = query] = vectors(1, 99)
    await collection.upsert({ id: 'new', vector: added, payload: { n: 0 } })
    await collection.delete(7)
    const found = collection.search(added, { limit: 1, ef })
    const gone = collection.search(all[7] ?? query, { limit: 1, ef })
    expect(collection.stats().index).toMatchObject({ encoded: count, linked: count })
    go()
    expect((await found)[0]?.id).toBe('new')
    expect((await gone)[0]?.id).not.toBe(7)
    await collection.waitForIndex()
    expect(collection.stats().index).toMatchObject({ state: 'idle', backlog: 0 })
    expect((await collection.search(added, { limit: 1, ef }))[0]?.id).toBe('new')
  })

  it('damage and a file cut off are found out, and codes and graph built again', async () => {
    const { start, end } = rowsOf(await readFile(await codesFile()))
    const damages = fc.oneof(
      fc.integer({ min: start, max: end - 1 }),
      fc.record({ length: fc.integer({ min: 0, max: end - 1 }) }),
    )
    const truth = queries.map((each) => nearest(each, 5))
    await fc.assert(
      fc.asyncProperty(damages, async (damage) => {
        await renew()
        const file = await codesFile()
        const go = held()
        const { collection, rebuilt } = await opened(backend)
        if (typeof damage === 'number') {
          const damaged = await readFile(file)
          damaged[damage] = (damaged[damage] ?? 0) ^ 16
          await writeFile(file, damaged, { flag: 'r+' })
        } else await truncate(file, damage.length)
        // Whatever is found has the score of its original.
        for (const each of queries) {
          const hits = await collection.search(each, { limit: 5, ef })
          expect(hits).toHaveLength(5)
          for (const { id, score } of hits) expect(score).toBeCloseTo(scoreOf(each, Number(id)), 4)
        }
        const byCodes = Promise.all(
          queries.map((each) => collection.search(each, { limit: 5, ef, rescore: false })),
        )
        go()
        // There are none any more, so it was by originals.
        expect((await byCodes).map((hits) => hits.map(({ id }) => id))).toEqual(truth)
        await collection.waitForIndex()
        expect(rebuilt).toEqual(['codes ANNULUS_CORRUPT'])
        expect(collection.stats().index).toMatchObject({ state: 'idle', linked: count, backlog: 0 })
        // Closed without another change it saves what it has built.
        await database.close()
        const healed = await opened(backend)
        await healed.collection.waitForIndex()
        expect(healed.rebuilt).toEqual([])
        expect(healed.phases).toEqual([`loading 0/${count}`, `loading ${count}/${count}`])
        await database.close()
      }),
      { numRuns: 3, endOnFailure: true },
    )
  })
})

describe('closing while codes are loaded', () => {
  it.each([false, true])('settles every call once, loading held up: %s', async (holds) => {
    const go = holds ? held() : () => {}
    const { collection } = await opened()
    const calls = [
      collection.search(query, { ef }),
      collection.search(query, { filter: { n: 3 } }),
      collection.searchBatch(queries, { ef }),
      collection.upsert({ id: 'late', vector: query, payload: { n: 1 } }),
      collection.waitForIndex(),
      collection.optimize(),
      collection.flush(),
    ]
    const settled = Promise.allSettled(calls)
    const closed = collection.close()
    go()
    await closed
    const outcomes = (await settled).map((each) =>
      each.status === 'fulfilled' ? 'fulfilled' : each.reason.code,
    )
    expect(outcomes.slice(0, 4)).toEqual(Array(4).fill('fulfilled'))
    for (const outcome of outcomes.slice(4)) {
      expect(['fulfilled', 'ANNULUS_CLOSED', 'ANNULUS_ABORTED']).toContain(outcome)
    }
    await database.close()
    const again = await opened()
    expect(again.rebuilt).toEqual([])
    expect(await again.collection.has('late')).toBe(true)
  })
})

/** Where the rows are that were not read by then (annulus/snapshot_format.h). */
function rowsOf(file: Buffer): { start: number; end: number } {
  for (let entry = 64; ; entry += 32) {
    if (file.readUInt32LE(entry) !== 3) continue
    const start = Number(file.readBigUInt64LE(entry + 8))
    return { start, end: start + Number(file.readBigUInt64LE(entry + 16)) }
  }
}

function scoreOf(asked: Float32Array, id: number): number {
  const vector = all[id] ?? query
  let [dot, a, b] = [0, 0, 0]
  for (let i = 0; i < dimension; i++) {
    const [x, y] = [asked[i] ?? 0, vector[i] ?? 0]
    dot += x * y
    a += x * x
    b += y * y
  }
  return dot / Math.sqrt(a * b)
}

function nearest(asked: Float32Array, k: number): number[] {
  const ids = all.map((_, id) => id)
  return ids.sort((x, y) => scoreOf(asked, y) - scoreOf(asked, x)).slice(0, k)
}
