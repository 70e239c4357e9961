import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FilterValue, matches, parseFilter } from '../src/filter.js'
import { idKey, type PointId } from '../src/ids.js'
import { AnnulusError } from '../src/index.js'
import { Nearest } from '../src/nearest.js'
import { decodePayload, encodePayload } from '../src/payloads.js'
import { plan } from '../src/planner.js'
import { decodeRecord, encodeRecord, recordBytes } from '../src/records.js'
import { SlotSet } from '../src/slot-set.js'

const slot = fc.integer({ min: 0, max: 300 })

describe('SlotSet', () => {
  it('does what a Set does', () => {
    const change = fc.tuple(fc.boolean(), slot)
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), slot, slot, (changes, from, to) => {
        const set = new SlotSet()
        const model = new Set<number>()
        for (const [add, each] of changes) {
          if (add) set.add(each)
          else set.delete(each)
          if (add) model.add(each)
          else model.delete(each)
        }
        const sorted = [...model].sort((a, b) => a - b)
        const inRange = sorted.filter((each) => each >= from && each < to)
        expect(set.size).toBe(model.size)
        expect([...set.slots()]).toEqual(sorted)
        expect([...set.slots(from, to)]).toEqual(inRange)
        expect([...set.slots(from, to, 3)]).toEqual(inRange.slice(0, 3))
        expect([...set.range(from, to).slots()]).toEqual(inRange)
        expect(set.count(from, to)).toBe(inRange.length)
        for (const each of [from, to]) expect(set.has(each)).toBe(model.has(each))
      }),
    )
  })

  it('intersects and takes over words', () => {
    const slots = fc.uniqueArray(slot)
    fc.assert(
      fc.property(slots, slots, fc.integer({ min: 0, max: 3 }), (a, b, words) => {
        const [first, second] = [setOf(a), setOf(b)]
        expect([...first.intersection(second).slots()]).toEqual(
          a.filter((each) => b.includes(each)).sort((x, y) => x - y),
        )
        const shifted = b.map((each) => each + words * 32)
        first.addWords(words, second.words)
        expect(first.size).toBe(new Set([...a, ...shifted]).size)
        for (const each of [...a, ...shifted]) expect(first.has(each)).toBe(true)
      }),
    )
  })
})

function setOf(slots: readonly number[]): SlotSet {
  const set = new SlotSet()
  for (const each of slots) set.add(each)
  return set
}

describe('Nearest', () => {
  it('keeps the smallest distances, equal ones by slot', () => {
    const batch = fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: 0, max: 20 })), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (batches, max) => {
          const nearest = new Nearest(max)
          for (const each of batches) {
            nearest.add(
              Uint32Array.from(each, ([id]) => id),
              Float32Array.from(each, ([, distance]) => distance),
            )
          }
          const sorted = batches.flat().sort(([a, x], [b, y]) => x - y || a - b)
          const expected = sorted
            .filter(([id], index) => sorted.findIndex(([other]) => other === id) === index)
            .slice(0, max)
          const { slots, distances } = nearest.candidates()
          expect([...slots]).toEqual(expected.map(([id]) => id))
          expect([...distances]).toEqual(expected.map(([, distance]) => distance))
        },
      ),
    )
  })
})

const id: fc.Arbitrary<PointId> = fc.oneof(
  fc.maxSafeInteger(),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
)
const json = fc.dictionary(
  fc.string().filter((key) => key !== '__proto__'),
  fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__')),
)

function recordOf(name: PointId, payload: Uint8Array | undefined): Buffer {
  const record = Buffer.alloc(recordBytes(name, payload))
  encodeRecord(name, payload, record)
  return record
}

describe('records', () => {
  it('come back as they were, frozen', () => {
    fc.assert(
      fc.property(id, fc.option(json), (name, payload) => {
        const encoded = payload === null ? undefined : encodePayload(payload)
        const record = decodeRecord(recordOf(name, encoded), 0)
        expect(record.id).toBe(Object.is(name, -0) ? 0 : name)
        expect(record.payload === undefined).toBe(payload === null)
        if (record.payload === undefined) return
        const decoded = decodePayload(record.payload)
        // JSON has no -0 either.
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(payload))
        expect(isFrozen(decoded)).toBe(true)
      }),
    )
  })

  it('reveal every flipped bit and every lost byte', () => {
    const record = recordOf('some id', encodePayload({ text: 'payload', list: [1, 2, 3] }))
    for (let bit = 0; bit < record.length * 8; bit++) {
      const damaged = Buffer.from(record)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => decodeRecord(damaged, 1)).toThrow(AnnulusError)
    }
    for (let length = 0; length < record.length; length++) {
      expect(() => decodeRecord(record.subarray(0, length), 1)).toThrow(AnnulusError)
    }
  })

  it('have keys that differ whenever ids do', () => {
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(idKey(1, a).equals(idKey(1, b))).toBe(a === b)
        expect(idKey(1, a).equals(idKey(2, a))).toBe(false)
      }),
    )
    expect(idKey(1, 1).equals(idKey(1, '1'))).toBe(false)
  })
})

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isFrozen)
}

describe('filters', () => {
  it('mean the same however they are written', () => {
    const a = parseFilter({ x: { in: [2, 1, 2] }, y: 'b' })
    expect(a.key).toBe(parseFilter({ y: { in: ['b'] }, x: { in: [1, 2] } }).key)
    expect(a.key).not.toBe(parseFilter({ y: 'b', x: { in: ['1', 2] } }).key)
    expect(parseFilter({ x: undefined }).conditions).toEqual([])
  })

  it('with long lists have short keys, the same in any order only', () => {
    const numbers = Array.from({ length: 500 }, (_, i) => i - 250)
    const key = (x: FilterValue[]) => parseFilter({ x: { in: x } }).key
    expect(key(numbers).length).toBeLessThan(200)
    expect(key(numbers.toReversed())).toBe(key(numbers))
    expect(key(numbers.slice(1))).not.toBe(key(numbers))
    expect(key(numbers.map(String))).not.toBe(key(numbers))
    expect(key([...numbers.slice(1), '-250'])).not.toBe(key(numbers))
  })

  it('see a list again as it is, not as it was', () => {
    const list = [1, 2, 3]
    const filter = { x: { in: list } }
    const before = parseFilter(filter)
    expect(parseFilter(filter).conditions[0]).toBe(before.conditions[0])
    expect(parseFilter({ y: filter.x }).conditions[0]?.field).toBe('y')
    list[1] = 4
    const after = parseFilter(filter)
    expect(after.key).toBe(parseFilter({ x: { in: [1, 3, 4] } }).key)
    expect(matches(after.conditions, { x: 2 })).toBe(false)
    expect(matches(before.conditions, { x: 2 })).toBe(true)
    list.push(5)
    expect(matches(parseFilter(filter).conditions, { x: 5 })).toBe(true)
  })

  it('tell null, missing, arrays and types apart', () => {
    const { conditions } = parseFilter({ x: { in: [null, 1] } })
    const found = [
      { x: null },
      { x: 1 },
      { x: [2, 1] },
      {},
      { x: '1' },
      { x: [] },
      { x: true },
      undefined,
    ]
    expect(found.map((payload) => matches(conditions, payload))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ])
    expect(matches(parseFilter({ toString: 'x' }).conditions, {})).toBe(false)
  })
})

describe('the planner', () => {
  const usual = {
    points: 100_000,
    candidates: 20,
    ef: 128,
    exact: false,
    hasCodes: true,
    hasGraph: true,
  }

  it.each([
    ['nothing matches', { matching: 0, exact: true }, 'none'],
    ['no more match than are rescored anyway', { matching: 20 }, 'exact'],
    ['few match', { matching: 21 }, 'scan'],
    ['too few for two hops, however narrow the beam', { matching: 2_900, ef: 50 }, 'scan'],
    ['a scan costs more than two hops', { matching: 10_000, ef: 64 }, 'graph'],
    ['many match', { matching: 50_000 }, 'graph'],
    ['all match', { matching: 100_000 }, 'graph'],
    ['there is no graph yet', { matching: 100_000, hasGraph: false }, 'scan'],
    ['there are no codes yet', { matching: 100_000, hasCodes: false }, 'exact'],
    ['it was asked for', { matching: 100_000, exact: true }, 'exact'],
  ])('when %s', (_, input, strategy) => {
    expect(plan({ ...usual, ...input })).toBe(strategy)
  })

  it('never goes from scanning back to the graph when fewer match', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.nat(1e6), fc.nat(1e6), (points, a, b) => {
        const [few, many] = [Math.min(a, b, points), Math.min(Math.max(a, b), points)]
        if (plan({ ...usual, points, matching: few }) === 'graph') {
          expect(plan({ ...usual, points, matching: many })).toBe('graph')
        }
      }),
    )
  })
})
