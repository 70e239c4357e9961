import { describe, expect, it } from 'vitest'
import { native } from '../src/native.js'

const ROWS = 5
const QUERY_LEVEL_MAX = 127 * 256 + 127

interface Input {
  n: number
  rows: Uint8Array
  query: Int16Array
  other: Uint8Array
  part: Uint8Array
}

/** Random values, or for odd lengths mostly the extremes, where sums could overflow. */
function inputOf(n: number): Input {
  let state = n + 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
  const byte = () => (n % 2 === 1 ? (next() % 8 === 0 ? 0 : 255) : next() % 256)
  const level = () =>
    n % 2 === 1
      ? next() % 8 === 0
        ? -QUERY_LEVEL_MAX
        : QUERY_LEVEL_MAX
      : (next() % (2 * QUERY_LEVEL_MAX + 1)) - QUERY_LEVEL_MAX
  return {
    n,
    rows: Uint8Array.from({ length: ROWS * n }, byte),
    query: Int16Array.from({ length: n }, level),
    other: Uint8Array.from({ length: n }, byte),
    part: Uint8Array.from({ length: n }, byte),
  }
}

function reference({ n, rows, query, other, part }: Input): number[] {
  const count = n === 0 ? 1 : ROWS
  const sums = new Array<number>(4 * count).fill(0)
  for (let r = 0; r < count; r++) {
    let [dot, pairDot, l1, pairL1] = [0, 0, 0, 0]
    for (let i = 0; i < n; i++) {
      const code = rows[r * n + i] ?? 0
      const level = other[i] ?? 0
      dot += code * (query[i] ?? 0)
      pairDot += code * (level - 128)
      l1 += 256 * Math.abs(code - level) - (code > level ? 2 * (part[i] ?? 0) : 0)
      pairL1 += Math.abs(code - level)
    }
    sums[r] = dot
    sums[count + r] = pairDot
    sums[2 * count + r] = l1
    sums[3 * count + r] = pairL1
  }
  return sums
}

describe('integer kernels', () => {
  const lengths = [...Array.from({ length: 2101 }, (_, n) => n), 4095, 4096, 4097, 65535]

  it('give the exact sums on every instruction set, for lengths 0 to 2100 and the longest', () => {
    const isas = native.isas()
    expect(isas).toContain('scalar')
    for (const n of lengths) {
      const input = inputOf(n)
      const expected = reference(input)
      for (const isa of isas) {
        const sums = native.intKernels(isa, input.rows, n, input.query, input.other, input.part)
        if (expected.some((sum, i) => sum !== sums[i])) {
          expect.fail(`${isa} is wrong at length ${n}`)
        }
      }
    }
  })
})
