// What searches find while the index lags behind: the parts of a collection, driven by hand.
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { CollectionParts } from '../src/collection-parts.js'
import { parseFilter } from '../src/filter.js'
import type { Generation } from '../src/generation.js'
import { encodeGroup } from '../src/points.js'
import { SlotSet } from '../src/slot-set.js'
import { SlotTable } from '../src/slot-table.js'
import { assembled, config, dimension, idsOf, write } from './assembled.js'
import { vectors } from './world.js'

afterEach(() => vi.restoreAllMocks())

describe('a search', () => {
  it.each([true, false])('scans what is encoded and not linked (rescore %s)', async (rescore) => {
    const parts = await assembled(300)
    await parts.indexer.stop()
    const late = vectors(30, dimension, 9)
    await write(parts, late, 1_000)
    expect(parts.indexer.current).toMatchObject({ linked: 300, encoded: 330 })
    for (const [index, query] of late.entries()) {
      const { ids, strategy } = await idsOf(parts, query, { limit: 2, ef: 4, rescore })
      expect(strategy).toBe('graph')
      expect(ids[0]).toBe(1_000 + index)
    }
  })

  it.each([true, false])('compares what is not even encoded (rescore %s)', async (rescore) => {
    const parts = await assembled(300)
    await parts.indexer.stop()
    if (parts.indexer.current !== undefined) parts.indexer.current.saving = true
    const late = vectors(30, dimension, 9)
    await write(parts, late, 1_000)
    expect(parts.indexer.current).toMatchObject({ linked: 300, encoded: 300 })
    for (const [index, query] of late.entries()) {
      const { ids, hits } = await idsOf(parts, query, { limit: 2, ef: 4, rescore })
      expect(ids[0]).toBe(1_000 + index)
      expect(hits.map(({ exact, id }) => exact === (rescore || Number(id) >= 1_000))).toEqual([
        true,
        true,
      ])
    }
  })

  it('finds a point that moved out of the graph while it was looking', async () => {
    const parts = await assembled(100)
    const [query = new Float32Array()] = vectors(1, dimension, 9)
    await write(parts, [query], 7)
    await parts.indexer.settled()
    const { current } = parts.indexer
    if (current?.graph === undefined) throw new Error('there is no graph')
    // The point is overwritten after the search has begun and before it looks at the graph.
    const original = current.use.bind(current)
    let moved = false
    current.use = async (work) => {
      if (!moved) {
        // The write uses it as well, to encode.
        moved = true
        await write(parts, [query], 7)
      }
      return original(work)
    }
    const { ids } = await idsOf(parts, query, { limit: 3, ef: 4, oversampling: 1 })
    expect(moved).toBe(true)
    expect(ids[0]).toBe(7)
  })
})

describe('while a commit is in LMDB and not yet visible', () => {
  const payload = (label: string) => ({ label, rank: 1 })

  /** Overwrites point 7 and holds the moment between its commit and its taking effect. */
  async function overwriting(parts: CollectionParts, query: Float32Array) {
    const apply = parts.store.apply.bind(parts.store)
    let proceed = () => {}
    const held = new Promise<void>((resolve) => {
      proceed = resolve
    })
    const inLmdb = new Promise<void>((resolve) => {
      parts.store.apply = async (write) => {
        await apply(write)
        resolve()
        await held
      }
    })
    const point = { id: 7, vector: query, payload: payload('b') }
    const written = parts.writer.submit(
      encodeGroup([point], { ...config, indexedFields: ['label'] }).then((group) => ({ group })),
      undefined,
    )
    await inLmdb
    return { proceed, written }
  }

  async function labelled(): Promise<{ parts: CollectionParts; query: Float32Array }> {
    const parts = await assembled(100, ['label'])
    const [query = new Float32Array()] = vectors(1, dimension, 9)
    const point = { id: 7, vector: query, payload: payload('b') }
    const rules = { ...config, indexedFields: ['label'] }
    const ready = encodeGroup([point], rules).then((group) => ({ group }))
    await parts.writer.submit(ready, undefined)
    await parts.indexer.settled()
    return { parts, query }
  }

  it.each([
    ['no filter', {}],
    ['an indexed filter', { filter: { label: 'b' } }],
    ['another filter', { filter: { rank: 1 } }],
    ['both', { filter: { rank: 1, label: 'b' } }],
  ])('a point is still found, with %s', async (_, options) => {
    const { parts, query } = await labelled()
    const { proceed, written } = await overwriting(parts, query)
    const searching = idsOf(parts, query, { limit: 1, ...options })
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    proceed()
    expect((await searching).ids).toEqual([7])
    await written
    expect((await idsOf(parts, query, { limit: 1, ...options })).ids).toEqual([7])
  })

  it('a point is read from LMDB', async () => {
    const { parts, query } = await labelled()
    const { proceed, written } = await overwriting(parts, query)
    const slot = parts.store.slotOf(7)
    expect(slot).toBe(101)
    expect(parts.payloads.content(101)).toEqual({ id: 7, payload: payload('b') })
    proceed()
    await written
  })

  it('is over, the payload index forgets with the next commit', async () => {
    const { parts, query } = await labelled()
    const first = await overwriting(parts, query)
    first.proceed()
    await first.written
    const { filters } = parts
    expect((await filters.match(parseFilter({ label: 'b' }), undefined)).set.size).toBe(1)
    const found = new SlotSet()
    await write(parts, vectors(1, dimension, 3), 5_000)
    parts.writer.fields.addMatches(found, 'label', ['b'], 0)
    expect([...found.slots()]).toEqual([101])
  })
})

describe('a page of results', () => {
  it('is looked up again when a result before it vanishes', async () => {
    const parts = await assembled(300)
    const [query = new Float32Array()] = vectors(1, dimension, 9)
    const { ids } = await idsOf(parts, query, { limit: 4, exact: true })
    const prepare = parts.payloads.prepare.bind(parts.payloads)
    let gone = false
    parts.payloads.prepare = async (...args) => {
      if (!gone) await parts.writer.submit(Promise.resolve({ remove: [ids[0] ?? ''] }), undefined)
      gone = true
      return prepare(...args)
    }
    const page = await idsOf(parts, query, { limit: 2, offset: 1, exact: true })
    expect(page.ids).toEqual([ids[2], ids[3]])
  })
})

describe('a snapshot', () => {
  it('drops the changes it covers, and only those', async () => {
    const parts = await assembled(100)
    await write(parts, vectors(3, dimension, 5), 500)
    await parts.indexer.settled()
    await parts.indexer.save(1)
    const { sequence } = parts.writer
    expect(parts.store.changesThrough(sequence)).toEqual([])
    await write(parts, vectors(3, dimension, 5), 500)
    // Commits that come while it is written are not part of it.
    const saving = parts.indexer.save(1)
    await write(parts, vectors(3, dimension, 6), 600)
    await write(parts, vectors(3, dimension, 7), 700)
    await saving
    const covered = parts.store.snapshot()?.sequence ?? 0
    expect(parts.store.changesThrough(covered)).toEqual([])
    const left = Array.from(parts.store.changesAfter(covered))
    expect(left).toHaveLength(parts.writer.sequence - covered)
  })
})

describe('the slot table', () => {
  it('freezes what a search goes by', () => {
    const table = new SlotTable()
    table.extend(3)
    for (const slot of [0, 1, 2]) table.add(slot, slot)
    const before = table.frozen()
    expect(table.frozen()).toBe(before)
    table.remove(1)
    expect([...before.slots()]).toEqual([0, 1, 2])
    expect([...table.frozen().slots()]).toEqual([0, 2])
  })
})

describe('a generation', () => {
  it('is read with rests where it replaces another, and without where searches wait for it', async () => {
    const parts = await assembled(0, [], { graphFrom: 10_000 })
    const steps: string[] = []
    const { pace, storage, indexer } = parts
    vi.spyOn(pace, 'rest').mockImplementation(async () => {
      steps.push('rest')
    })
    vi.spyOn(pace, 'spend').mockImplementation(() => {
      steps.push('spend')
    })
    const read = storage.read.bind(storage)
    vi.spyOn(storage, 'read').mockImplementation((slots, options) => {
      steps.push(`read ${slots.length}`)
      return read(slots, options)
    })
    await write(parts, vectors(300, dimension))
    await indexer.settled()
    // Before come the rests of the write.
    expect(steps.slice(steps.indexOf('read 300'))).toEqual(['read 300', 'read 300'])
    steps.length = 0
    await indexer.rebuild()
    const sampled = ['rest', 'read 300', 'spend']
    expect(steps).toEqual([...sampled, ...sampled])
  })

  it('is closed only after its last search', async () => {
    const parts = await assembled(100)
    const generation: Generation | undefined = parts.indexer.current
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const using = generation?.use(() => held)
    let closed = false
    const rebuilding = parts.indexer.rebuild().then(() => {
      closed = true
    })
    while (parts.indexer.current === generation) await new Promise(setImmediate)
    expect(closed).toBe(false)
    expect(generation?.codes.slots).toBe(100)
    release()
    await using
    await rebuilding
    expect(closed).toBe(true)
  })
})
