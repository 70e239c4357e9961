import { distances, metrics } from '@annulus/native'
import { describe, expect, it } from 'vitest'
import { addonProcess, outcome } from './addon-child.js'

const dimension = 100
const vectors = Float32Array.from({ length: dimension * 7 }, (_, i) => Math.cos(i * i))

const code = `
const vectors = Float32Array.from({ length: ${dimension} * 7 }, (_, i) => Math.cos(i * i))
const pool = new addon.Pool(1)
const all = [0, 1, 2, 3].map((metric) =>
  addon.distances(pool.handle, vectors.subarray(0, ${dimension}), vectors, metric, undefined))
Promise.all(all).then((found) => console.log(JSON.stringify(found.map((f) => [...f]))))
`

describe('ANNULUS_ISA', () => {
  it.each(['scalar', 'avx2', 'avx512', 'neon', 'no such level'])(
    '%s gives the same distances up to rounding',
    async (isa) => {
      const { output, code: exit } = await outcome(addonProcess(code, { ANNULUS_ISA: isa }))
      expect(exit).toBe(0)
      const found: unknown = JSON.parse(output)
      const expected = metrics.map((metric) =>
        distances(vectors.subarray(0, dimension), vectors, metric),
      )
      for (const [m, row] of (await Promise.all(expected)).entries()) {
        for (const [i, value] of row.entries()) {
          expect(found).toHaveProperty([m, i], expect.closeTo(value, 3))
        }
      }
    },
  )
})
