// The index of ids in memory against a plain map.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashChunkSlots, hashOf, IdIndex } from '../src/id-index.js'
import { SlotSet } from '../src/slot-set.js'

const operations = fc.array(
  fc.record({ slot: fc.nat(400), id: fc.oneof(fc.integer(), fc.string({ minLength: 1 })) }),
  { minLength: 1, maxLength: 600 },
)

describe('the index of ids', () => {
  it('finds every live slot by its id, whatever was added and removed before', () => {
    fc.assert(
      fc.property(operations, (all) => {
        const index = new IdIndex()
        const model = new Map<number, string | number>()
        for (const { slot, id } of all) {
          if (model.delete(slot)) index.remove(slot)
          else {
            model.set(slot, id)
            index.add(slot, id)
          }
        }
        for (const { id } of all) {
          const expected = [...model].flatMap(([slot, each]) => (each === id ? [slot] : []))
          const found = index.candidates(id)
          expect(found).toEqual(expect.arrayContaining(expected))
          for (const slot of found) expect(hashOf(model.get(slot) ?? '')).toBe(hashOf(id))
        }
      }),
      { numRuns: 200 },
    )
  })

  it('put back by chunks of hashes is what it was', () => {
    const slots = fc.uniqueArray(fc.nat(3 * hashChunkSlots - 1), { minLength: 1, maxLength: 500 })
    fc.assert(
      fc.property(slots, fc.integer({ min: 1, max: 60 }), (all, ids) => {
        const index = new IdIndex()
        const live = new SlotSet()
        for (const slot of all) {
          index.add(slot, slot % ids)
          live.add(slot)
        }
        const gone = all.filter((_, i) => i % 3 === 1)
        for (const slot of gone) {
          index.remove(slot)
          live.delete(slot)
        }
        const restored = new IdIndex()
        for (const chunk of [2, 0, 1]) {
          const hashes = index.chunk(chunk)
          if (hashes !== undefined) restored.restoreChunk(chunk, hashes, live)
        }
        for (let id = 0; id < ids; id++) {
          expect(restored.candidates(id).sort()).toEqual(index.candidates(id).sort())
        }
        // Its size is right as well: what is added and removed from now on leaves the same.
        for (const slot of all) if (live.has(slot)) restored.remove(slot)
        for (let id = 0; id < ids; id++) expect(restored.candidates(id)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })

  it('tells numbers from strings, and few different ids look the same', () => {
    const ids = Array.from({ length: 50_000 }, (_, i) => [i, `${i}`, i * 2 ** 32]).flat()
    const hashes = new Set(ids.map(hashOf))
    expect(hashOf(-0)).toBe(hashOf(0))
    // 150,000 of 2³²: two or three pairs are expected to meet; 0 occurs twice.
    expect(ids.length - hashes.size).toBeLessThan(20)
  })
})
