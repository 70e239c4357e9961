import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LentVectors, VectorMemory } from '../src/vector-memory.js'

const mebibyte = 1 << 18 // floats

describe('memory of vectors', () => {
  it('belongs to one group at a time, however it is given back', () => {
    const floats = fc.oneof(fc.nat(40_000), fc.constantFrom(mebibyte, 3 * mebibyte))
    const step = fc.oneof(
      fc.record({ lend: floats }),
      fc.record({ giveBack: fc.nat(), again: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const memory = new VectorMemory()
        const lent: LentVectors[] = []
        const returned: LentVectors[] = []
        for (const each of steps) {
          if ('lend' in each) {
            const taken = memory.lend(each.lend)
            expect(taken.vectors.length).toBe(each.lend)
            for (const { vectors } of lent) expect(vectors.buffer).not.toBe(taken.vectors.buffer)
            lent.push(taken)
          } else if (each.again) {
            // What was given back may be somebody else's by now.
            returned[each.giveBack % returned.length]?.giveBack()
          } else {
            const [done] = lent.splice(each.giveBack % Math.max(1, lent.length), 1)
            done?.giveBack()
            if (done !== undefined) returned.push(done)
          }
        }
      }),
    )
  })

  it('is used again where it is large enough, and kept up to a bound', () => {
    const memory = new VectorMemory()
    const first = memory.lend(mebibyte)
    first.giveBack()
    expect(memory.lend(mebibyte + 1).vectors.buffer).not.toBe(first.vectors.buffer)
    const smaller = memory.lend(mebibyte / 2)
    expect(smaller.vectors.buffer).toBe(first.vectors.buffer)
    smaller.giveBack()
    const many = Array.from({ length: 12 }, () => memory.lend(mebibyte))
    const buffers = new Set(many.map(({ vectors }) => vectors.buffer))
    for (const { giveBack } of many) giveBack()
    const again = Array.from({ length: 12 }, () => memory.lend(mebibyte))
    expect(again.filter(({ vectors }) => buffers.has(vectors.buffer)).length).toBe(8)
  })
})
