import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open as openFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFile } from '@annulus/native'
import { none, scalar } from '@annulus/quantization'
import { memoryStorage, nodeFileOps, preadStorage } from '@annulus/storage'
import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { open } from '../src/index.js'
import { sealed } from '../src/sealed.js'
import { Store } from '../src/store.js'
import { directory, failure, openHere, vectors } from './world.js'

const dimension = 4
const points = (count: number) => vectors(count, dimension).map((vector, id) => ({ id, vector }))

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  const file = await openFile(path, 'r+')
  await file.write(bytes, 0, bytes.length, position)
  await file.close()
}

describe('a database', () => {
  it('keeps its collections and their settings', async () => {
    const path = await directory()
    const storage = memoryStorage({ keep: true })
    const db = await openHere(path, storage)
    await db.collection('b', {
      dimension,
      metric: 'dot',
      hnsw: { m: 8 },
      indexedFields: ['x', 'a', 'x'],
    })
    await db.collection('a', { dimension: 2, quantization: none() })
    await db.close()
    const again = await openHere(path, storage)
    expect(again.collections()).toEqual([
      {
        name: 'a',
        dimension: 2,
        metric: 'cosine',
        quantization: 'none',
        quantizationSettings: {},
        m: 16,
        efConstruct: 128,
        indexedFields: [],
      },
      {
        name: 'b',
        dimension,
        metric: 'dot',
        quantization: 'scalar',
        quantizationSettings: {},
        m: 8,
        efConstruct: 128,
        indexedFields: ['a', 'x'],
      },
    ])
    const b = await again.collection('b')
    expect([b.name, b.dimension, b.metric]).toEqual(['b', dimension, 'dot'])
    // What agrees may be said again; the same name is the same object.
    expect(
      await again.collection('b', {
        dimension,
        metric: 'dot',
        hnsw: { m: 8 },
        quantization: scalar(),
      }),
    ).toBe(b)
  })

  it('refuses settings that contradict what exists', async () => {
    const db = await openHere(await directory(), memoryStorage())
    await db.collection('c', { dimension })
    expect(await failure(db.collection('c', { dimension: 5 }))).toBe('ANNULUS_DIMENSION')
    expect(await failure(db.collection('c', { metric: 'dot' }))).toBe('ANNULUS_EXISTS')
    expect(await failure(db.collection('c', { hnsw: { efConstruct: 7 } }))).toBe('ANNULUS_EXISTS')
    expect(await failure(db.collection('c', { quantization: none() }))).toBe('ANNULUS_EXISTS')
    expect(await failure(db.collection('c', { indexedFields: ['x'] }))).toBe('ANNULUS_EXISTS')
  })

  it('drops collections with all they kept, and numbers them anew', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    const c = await db.collection('c', {
      dimension,
      indexedFields: ['a'],
      codesFrom: 10,
      graphFrom: 20,
    })
    await c.upsert(points(100).map((point) => ({ ...point, payload: { a: point.id % 3 } })))
    await c.flush()
    expect(await db.dropCollection('c')).toBe(true)
    expect(await db.dropCollection('c')).toBe(false)
    expect(await failure(c.count())).toBe('ANNULUS_CLOSED')
    expect(await readdir(join(path, 'collections'))).toEqual([])
    const again = await db.collection('c', { dimension, indexedFields: ['a'] })
    expect(again.size).toBe(0)
    expect(await again.get(1)).toBeUndefined()
    expect(await again.count({ filter: { a: 1 } })).toBe(0)
  })

  it('finishes a drop that a crash interrupted', async () => {
    const path = await directory()
    const db = await openHere(path, preadStorage())
    await (await db.collection('c', { dimension })).upsert(points(10))
    await (await db.collection('d', { dimension })).upsert(points(10))
    await db.close()
    // The first commit of a drop, and nothing after it.
    const store = await Store.open(join(path, 'annulus.mdb'), nodeFileOps)
    await store.commit(() => {
      void store.tables.meta.remove(['config', 1])
      void store.tables.meta.put(['dropped', 1], sealed(pack({})))
    })
    await store.close()
    const again = await openHere(path, preadStorage())
    expect(again.collections().map(({ name }) => name)).toEqual(['d'])
    expect(await readdir(join(path, 'collections'))).toEqual(['2'])
  })

  it('is open once, in this process and among processes', async () => {
    const path = await directory()
    const storage = memoryStorage()
    const db = await openHere(path, storage)
    expect(await failure(open(path, { storage }))).toBe('ANNULUS_LOCKED')
    await db.close()
    const child = spawn('flock', [join(path, 'lock'), '-c', 'echo held; cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    expect(await failure(open(path, { storage }))).toBe('ANNULUS_LOCKED')
    child.stdin.end()
    await once(child, 'exit')
    const again = await open(path, { storage })
    await again.close()
  })

  it('leaves no lock behind when opening fails', async () => {
    const path = await directory()
    await writeFile(join(path, 'annulus.mdb'), 'this is no LMDB file'.repeat(1_000))
    expect(await failure(open(path, { storage: memoryStorage() }))).toBe('ANNULUS_CORRUPT')
    ;(await lockFile(join(path, 'lock'))).release()
  })

  it('refuses a damaged or foreign LMDB file with a typed error', async () => {
    const path = await directory()
    const file = join(path, 'annulus.mdb')
    const db = await open(path, { storage: memoryStorage() })
    await db.collection('c', { dimension })
    await db.close()
    const intact = await readFile(file)
    const reopened = () =>
      failure(open(path, { storage: memoryStorage() }).then((each) => each.close()))
    expect(await reopened()).toBeUndefined()
    await truncate(file, 100)
    expect(await reopened()).toBe('ANNULUS_CORRUPT')
    await writeFile(file, intact)
    await overwrite(file, 24, Buffer.of(1, 2, 3, 4))
    expect(await reopened()).toBe('ANNULUS_CORRUPT')
    await writeFile(file, intact)
    await overwrite(file, 28, Buffer.of(9, 0, 0, 0))
    expect(await reopened()).toBe('ANNULUS_VERSION')
    await writeFile(file, intact)
    expect(await reopened()).toBeUndefined()
  })

  it.skipIf(process.getuid?.() !== 0)(
    'reports a directory it may not write (as root: by another effective user)',
    async () => {
      const path = await directory()
      process.seteuid?.(65_534)
      try {
        expect(await failure(open(join(path, 'db'), { storage: memoryStorage() }))).toBe(
          'ANNULUS_PERMISSION',
        )
      } finally {
        process.seteuid?.(0)
      }
      expect(await readdir(path)).toEqual([])
    },
  )

  it('reports a storage that lost vectors', async () => {
    const path = await directory()
    const db = await open(path, { storage: preadStorage() })
    await (await db.collection('c', { dimension })).upsert(points(10))
    await db.close()
    await rm(join(path, 'collections', '1', 'vectors'), { recursive: true })
    const again = await openHere(path, preadStorage())
    expect(await failure(again.collection('c'))).toBe('ANNULUS_CORRUPT')
  })

  it('closes once, waits for what runs, and then refuses everything', async () => {
    const db = await open(await directory(), { storage: memoryStorage() })
    const c = await db.collection('c', { dimension, codesFrom: 50, graphFrom: 50 })
    const running = [
      c.upsert(points(500)),
      c.search([1, 2, 3, 4]),
      c.count(),
      c.get(1),
      c.waitForIndex(),
    ]
    const settled = Promise.allSettled(running)
    await Promise.all([db.close(), db.close(), c.close()])
    const codes = (await settled).map((each) =>
      each.status === 'rejected' ? each.reason.code : 'done',
    )
    expect(codes.slice(0, 4)).toEqual(['done', 'done', 'done', 'done'])
    expect(['done', 'ANNULUS_CLOSED']).toContain(codes[4])
    const calls = [
      c.upsert(points(1)),
      c.delete(1),
      c.get(1),
      c.has(1),
      c.search([1, 2, 3, 4]),
      c.count(),
      c.flush(),
      c.waitForIndex(),
      c.optimize(),
      c.points().next(),
    ]
    for (const call of calls) expect(await failure(call)).toBe('ANNULUS_CLOSED')
    for (const call of [db.collection('c'), db.dropCollection('c')])
      expect(await failure(call)).toBe('ANNULUS_CLOSED')
    expect(() => c.stats()).toThrow('closed')
    expect(() => db.stats()).toThrow('closed')
    expect(() => db.collections()).toThrow('closed')
  })

  it('closes at the end of its scope', async () => {
    const path = await directory()
    {
      await using db = await open(path, { storage: memoryStorage() })
      await using c = await db.collection('c', { dimension })
      expect(c.size).toBe(0)
    }
    await (await open(path, { storage: memoryStorage() })).close()
  })
})
