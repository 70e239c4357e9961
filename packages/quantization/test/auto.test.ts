// What `auto` picks: within the budget, better with more of it, and only what knows the metric.
import { Pool } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { auto, type Choice, quantizerFrom } from '../src/index.js'
import { type CodeSize, noneSize, productSize, rotatedSize, scalarSize } from '../src/sizes.js'
import { metricArbitrary, randomFloats } from './support.js'

const pool = new Pool()
afterAll(() => pool.close())

const shapes = fc.record({
  dimension: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2000 })),
  metric: metricArbitrary,
  count: fc.integer({ min: 1, max: 100_000_000 }),
})
type Shape = typeof shapes extends fc.Arbitrary<infer T> ? T : never
const budgets = fc.integer({ min: 0, max: 38 }).map((exponent) => 2 ** exponent)

function choose(memoryBytes: number, shape: Shape): Choice {
  const choice = auto({ memoryBytes }).choose?.(shape)
  if (choice === undefined) throw new Error('auto does not choose')
  return choice
}

function sizeOf({ kind, settings }: Choice, { dimension, metric }: Shape): CodeSize {
  if (kind === 'none') return noneSize(dimension)
  if (kind === 'scalar') return scalarSize(dimension, metric)
  if (kind === 'rotated') return rotatedSize(dimension, settings['bits'] ?? Number.NaN)
  return productSize(dimension, settings['compression'] ?? Number.NaN)
}

function bytesOf(choice: Choice, shape: Shape): number {
  const { fixedBytes, bytesPerVector } = sizeOf(choice, shape)
  return fixedBytes + shape.count * bytesPerVector
}

describe('auto', () => {
  it('stays within the budget whenever anything fits, and says so when nothing does', () => {
    fc.assert(
      fc.property(shapes, budgets, (shape, budget) => {
        const choice = choose(budget, shape)
        const bytes = bytesOf(choice, shape)
        const least = bytesOf(choose(1, shape), shape)
        expect(bytes <= budget).toBe(least <= budget)
        expect(choice.reason.includes('no codes fit')).toBe(least > budget)
        if (least > budget) expect(bytes).toBe(least)
        const rooms = Array.from([4, 8, 16, 32, 64], (c) => productSize(shape.dimension, c))
        for (const { fixedBytes, bytesPerVector } of [
          ...rooms.slice(1),
          scalarSize(shape.dimension, shape.metric),
        ]) {
          expect(least).toBeLessThanOrEqual(fixedBytes + shape.count * bytesPerVector)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('gives no fewer bytes to codes when there are more, and no more when there are more vectors', () => {
    fc.assert(
      fc.property(shapes, budgets, budgets, (shape, a, b) => {
        const small = choose(Math.min(a, b), shape)
        const large = choose(Math.max(a, b), shape)
        expect(bytesOf(small, shape)).toBeLessThanOrEqual(bytesOf(large, shape))
        const { countMax } = large
        if (countMax === undefined) return
        const { kind, settings } = large
        const at = (count: number) => choose(Math.max(a, b), { ...shape, count })
        expect(at(countMax)).toMatchObject({ kind, settings })
        const beyond = at(countMax + 1)
        expect([beyond.kind, beyond.settings]).not.toEqual([kind, settings])
      }),
      { numRuns: 300 },
    )
  })

  it('picks only codes that know the metric', () => {
    fc.assert(
      fc.property(shapes, budgets, (shape, budget) => {
        const { kind, settings } = choose(budget, shape)
        expect(quantizerFrom(kind, settings)?.metrics?.includes(shape.metric)).not.toBe(false)
      }),
    )
  })

  it('knows what codes will take', async () => {
    const small = fc.integer({ min: 1, max: 300 })
    await fc.assert(
      fc.asyncProperty(shapes, small, budgets, async (shape, dimension, budget) => {
        const choice = choose(budget, { ...shape, dimension })
        const { metric } = shape
        const vectors = randomFloats(50 * dimension, 1)
        const codes = await quantizerFrom(choice.kind, choice.settings)?.train(vectors, {
          dimension,
          metric,
          pool,
        })
        await codes?.encode(0, vectors)
        const { bytesPerVector, fixedBytes } = sizeOf(choice, { ...shape, dimension })
        expect(codes?.bytesPerVector).toBe(bytesPerVector)
        expect(codes?.bytes).toBeLessThanOrEqual(fixedBytes + 50 * bytesPerVector)
        codes?.close()
      }),
      { numRuns: 30 },
    )
  })

  it.each([
    [8, 'cosine', 'none'],
    [768, 'cosine', 'scalar'],
    [768, 'manhattan', 'scalar'],
  ] as const)('with memory to spare takes %i components (%s) as %s', (dimension, metric, kind) => {
    expect(choose(2 ** 40, { dimension, metric, count: 1000 }).kind).toBe(kind)
  })

  it('goes down with the memory', () => {
    const shape = { dimension: 768, metric: 'cosine', count: 1_000_000 } as const
    const kinds = [1000, 500, 250, 150, 100, 60].map((mib) => {
      const { kind, settings } = choose(mib * 2 ** 20, shape)
      return [kind, settings['bits'] ?? settings['compression']]
    })
    expect(kinds).toEqual([
      ['scalar', undefined],
      ['rotated', 4],
      ['rotated', 2],
      ['rotated', 1],
      ['product', 32],
      ['product', 64],
    ])
    expect(choose(150 * 2 ** 20, shape).reason).toBe(
      '1000000 vectors of 768 components (cosine): rotated 1 takes 122.1 MiB of 150.0 MiB (asked); ' +
        'too large: scalar 736.2 MiB, rotated 4 427.3 MiB, rotated 2 213.7 MiB',
    )
  })

  it('goes by the memory that is available, codes to be replaced included', () => {
    const shape = { dimension: 768, metric: 'cosine', count: 2 ** 40 } as const
    expect(auto().choose?.(shape).reason).toMatch(
      /no codes fit into .* \(half of the free memory\)/,
    )
    expect(auto().choose?.({ ...shape, replacedBytes: 2 ** 53 }).kind).toBe('scalar')
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses a budget of %d bytes', (memoryBytes) => {
    expect(() => auto({ memoryBytes })).toThrow(/memoryBytes must be/)
  })
})
