import { memoryStorage } from '@annulus/storage'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Backlog } from '../src/backlog.js'
import { directory, openHere, vectors, wrapped } from './world.js'

const dimension = 8
const points = (count: number, first = 0) =>
  vectors(count, dimension, first + 1).map((vector, index) => ({ id: first + index, vector }))
const counts = fc.integer({ min: 0, max: 2_000 })
const state = { max: counts, waiting: counts, added: counts, hasGraph: fc.boolean() }

describe('a backlog', () => {
  afterEach(() => vi.restoreAllMocks())

  it('is full above its maximum, whatever else there is, and never without anything to wait for', () => {
    fc.assert(
      fc.property(fc.record(state), ({ max, waiting, added, hasGraph }) => {
        const backlog = new Backlog(max)
        expect(backlog.isFull(0, added, hasGraph)).toBe(false)
        expect(backlog.isFull(waiting, 0, hasGraph)).toBe(false)
        expect(backlog.isFull(waiting, added, hasGraph)).toBe(waiting > max && added > 0)
      }),
    )
  })

  it('lets searches scan no more than 128 points, up to a tenth of a second after the last', () => {
    let now = 1_000
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    fc.assert(
      fc.property(
        fc.record({ ...state, since: fc.integer({ min: 0, max: 300 }), goOn: fc.nat(1) }),
        ({ max, waiting, added, hasGraph, since, goOn }) => {
          const backlog = new Backlog(max)
          backlog.searching(2 + goOn)
          backlog.searched(2)
          now += since
          const isSearched = goOn > 0 || since < 100
          const scansMany = hasGraph && isSearched && waiting + added > 128
          const full = waiting > 0 && added > 0 && (waiting > max || scansMany)
          expect(backlog.isFull(waiting, added, hasGraph)).toBe(full)
        },
      ),
    )
  })

  it('above backlogMax keeps writes out until the index has come further', async () => {
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    // Training reads vectors, so nothing is indexed before this lets it.
    const storage = wrapped(memoryStorage(), (inner) => ({
      read: (slots, options) => held.then(() => inner.read(slots, options)),
    }))
    const db = await openHere(await directory(), storage)
    const options = { dimension, codesFrom: 100, graphFrom: 100, backlogMax: 99 }
    const collection = await db.collection('c', options)
    await collection.upsert(points(100))
    let written = false
    const writing = collection.upsert(points(1, 100)).then(() => {
      written = true
    })
    // Commits that nothing keeps out meanwhile: one of the others would have been among them.
    const other = await db.collection('other', { dimension })
    for (let i = 0; i < 5; i++) await other.upsert(points(1, i))
    expect(written).toBe(false)
    expect(collection.size).toBe(100)
    go()
    await writing
    expect(collection.size).toBe(101)
    await collection.waitForIndex()
  })
})
