// What is indexed within a commit, so that searches pay nothing for points that were just written.
import { HnswIndex } from '@annulus/hnsw'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backlog } from '../src/backlog.js'
import type { CollectionParts } from '../src/collection-parts.js'
import { CommitIndexing } from '../src/commit-indexing.js'
import { turn } from '../src/points.js'
import { assembled, dimension, idsOf, write } from './assembled.js'
import { vectors } from './world.js'

afterEach(() => vi.restoreAllMocks())

function searched(is: boolean): void {
  vi.spyOn(Backlog.prototype, 'isSearched', 'get').mockReturnValue(is)
}

/** Commits stop after linking, before they are visible. */
function heldBeforeCommit(): { reached: Promise<void>; release: () => void } {
  let reach = () => {}
  let release = () => {}
  const reached = new Promise<void>((resolve) => (reach = resolve))
  const released = new Promise<void>((resolve) => (release = resolve))
  const { link } = CommitIndexing.prototype
  vi.spyOn(CommitIndexing.prototype, 'link').mockImplementation(async function (
    this: CommitIndexing,
    ...args
  ) {
    const ahead = await link.apply(this, args)
    reach()
    await released
    return ahead
  })
  return { reached, release }
}

async function nearest(parts: CollectionParts, query: Float32Array) {
  const { ids } = await idsOf(parts, query, { limit: 5, ef: 32 })
  return ids
}

const late = vectors(30, dimension, 9)

describe('points written while somebody searches', () => {
  beforeEach(() => searched(true))

  it('are linked before they are visible, and found with the commit', async () => {
    const parts = await assembled(300)
    const { reached, release } = heldBeforeCommit()
    const written = write(parts, late, 1_000)
    await reached
    for (const query of late) {
      const ids = await nearest(parts, query)
      expect(ids).toHaveLength(5)
      expect(ids.filter((id) => Number(id) >= 1_000)).toEqual([])
    }
    expect(parts.indexer.current?.graph?.size).toBe(300)
    release()
    await written
    expect(parts.indexer.backlog).toBe(0)
    expect(parts.indexer.current?.graph?.size).toBe(330)
    for (const [index, query] of late.entries()) {
      expect((await nearest(parts, query))[0]).toBe(1_000 + index)
    }
  })

  it('stay out of a snapshot until they are visible', async () => {
    const parts = await assembled(300)
    await parts.indexer.save(1)
    const { sequence } = parts.store.snapshot() ?? {}
    await parts.writer.submit(Promise.resolve({ remove: [0] }), undefined)
    const { reached, release } = heldBeforeCommit()
    const written = write(parts, late, 1_000)
    await reached
    const saving = parts.indexer.save(1)
    for (let i = 0; i < 50; i++) await turn()
    expect(parts.store.snapshot()?.sequence).toBe(sequence)
    release()
    await written
    await saving
    expect(parts.store.snapshot()).toMatchObject({ linked: 330 })
  })

  it('stay hidden when their commit fails', async () => {
    const parts = await assembled(300)
    vi.spyOn(parts.store, 'apply').mockRejectedValueOnce(new Error('disk on fire'))
    await expect(write(parts, late, 1_000)).rejects.toThrow('disk on fire')
    for (const query of late) {
      const ids = await nearest(parts, query)
      expect(ids.filter((id) => Number(id) >= 1_000)).toEqual([])
    }
    expect(parts.indexer.current?.graph?.size).toBe(300)
    expect(parts.indexer.current?.hiding).toBeUndefined()
  })

  it('are linked afterwards where that fails before', async () => {
    const parts = await assembled(300)
    vi.spyOn(HnswIndex.prototype, 'insert').mockRejectedValueOnce(new Error('no memory'))
    await write(parts, late, 1_000)
    expect(parts.indexer.backlog).toBe(30)
    await parts.indexer.settled()
    expect(parts.indexer.current?.graph?.size).toBe(330)
  })

  it('wait for nothing in the graph, whatever is written, overwritten and removed', async () => {
    const ids = fc.uniqueArray(fc.nat(80), { minLength: 1, maxLength: 25 })
    const writes = fc.array(fc.record({ ids, removes: fc.boolean() }), {
      minLength: 1,
      maxLength: 12,
    })
    await fc.assert(
      fc.asyncProperty(writes, fc.nat(), async (all, seed) => {
        const parts = await assembled(60, [], { reclaimFrom: 8 })
        const own = new Map(vectors(60, dimension).map((vector, id) => [id, vector]))
        for (const [round, { ids, removes }] of all.entries()) {
          if (removes) {
            await parts.writer.submit(Promise.resolve({ remove: ids }), undefined)
            for (const id of ids) own.delete(id)
          } else {
            const given = vectors(81, dimension, seed + round)
            const points = ids.map((id) => ({ id, vector: given[id] ?? new Float32Array() }))
            await write(parts, points)
            for (const { id, vector } of points) own.set(id, vector)
            expect(parts.indexer.current?.unlinked.size).toBe(0)
          }
          for (const [id, vector] of own) expect((await nearest(parts, vector))[0]).toBe(id)
        }
        await parts.indexer.settled()
        expect(parts.indexer.current?.graph?.size).toBe(own.size)
        expect(await parts.indexer.current?.graph?.check()).toMatchObject({ violations: 0 })
      }),
      { numRuns: 15 },
    )
  })
})

describe('points written while nobody searches', () => {
  it('are linked in the background', async () => {
    searched(false)
    const parts = await assembled(300)
    const inserted = vi.spyOn(HnswIndex.prototype, 'insert')
    await write(parts, late, 1_000)
    await parts.indexer.settled()
    expect(inserted.mock.calls.filter(([, options]) => options?.hidden === true)).toEqual([])
    expect(parts.indexer.current?.graph?.size).toBe(330)
  })
})

describe('a removal', () => {
  /** Removes 12 of 300 points, whose repair does not end before it is told to, then 5 more, and 5 more. */
  async function removals() {
    const parts = await assembled(300, [], { reclaimFrom: 10 })
    let release = () => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    const { repair } = HnswIndex.prototype
    vi.spyOn(HnswIndex.prototype, 'repair').mockImplementation(async function (
      this: HnswIndex,
      ...args
    ) {
      await released
      return repair.apply(this, args)
    })
    const remove = (from: number, count: number) => {
      const ids = Array.from({ length: count }, (_, i) => from + i)
      return parts.writer.submit(Promise.resolve({ remove: ids }), undefined)
    }
    await remove(0, 12)
    while (parts.indexer.reclaiming.beside === undefined) await turn()
    await remove(20, 5)
    let isAdmitted = false
    const { room } = parts.indexer
    vi.spyOn(parts.indexer, 'room').mockImplementation(async (points) => {
      await room.call(parts.indexer, points)
      isAdmitted = true
    })
    const last = remove(40, 5)
    for (let i = 0; i < 50; i++) await turn()
    return { last, release, isAdmitted }
  }

  it('waits for the repair where searches have much to walk past', async () => {
    searched(true)
    const { last, release, isAdmitted } = await removals()
    expect(isAdmitted).toBe(false)
    release()
    expect(await last).toMatchObject({ removed: 5 })
  })

  it('does not where nobody searches', async () => {
    searched(false)
    const { last, release, isAdmitted } = await removals()
    expect(isAdmitted).toBe(true)
    expect(await last).toMatchObject({ removed: 5 })
    release()
  })
})
