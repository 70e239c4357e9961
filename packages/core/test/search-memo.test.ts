import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SearchOptions } from '../src/index.js'
import { SearchMemo } from '../src/search-memo.js'
import { type ParsedSearch, parseSearch } from '../src/search-options.js'

describe('the memo of options', () => {
  const values = {
    limit: fc.constantFrom<unknown[]>(undefined, 1, 10, 0, 2.5, '10'),
    offset: fc.constantFrom<unknown[]>(undefined, 0, 5, -1),
    ef: fc.constantFrom<unknown[]>(undefined, 16, Number.NaN),
    oversampling: fc.constantFrom<unknown[]>(undefined, 1, 2),
    rescore: fc.constantFrom<unknown[]>(undefined, true, false, 'bounded', 'uncertain', 'never'),
    rescoreLoss: fc.constantFrom<unknown[]>(undefined, 0.01),
    exact: fc.constantFrom<unknown[]>(undefined, true, 1),
    filter: fc.constantFrom<unknown[]>(undefined, { n: 1 }),
    scoreThreshold: fc.constantFrom<unknown[]>(undefined, 0.5),
    withPayload: fc.constantFrom<unknown[]>(undefined, false),
    withVector: fc.constantFrom<unknown[]>(undefined, true),
    targetRecall: fc.constantFrom<unknown[]>(undefined, 0.9),
    limits: fc.constant(10),
  }
  const given = fc.oneof(
    { weight: 9, arbitrary: fc.record(values, { requiredKeys: [] }) },
    fc.constantFrom<unknown[]>(null, [], 7, 'limit', Object.create({ limit: 3 })),
  )
  const outcome = (parse: () => ParsedSearch) => {
    try {
      const { filter, ...rest } = parse()
      return { filter: filter?.key, ...rest }
    } catch (error) {
      return { error }
    }
  }

  it('says what parsing says, whatever was parsed before', () => {
    fc.assert(
      fc.property(fc.array(given, { minLength: 1, maxLength: 30 }), (all) => {
        const context = {
          rescore: 'bounded',
          oversampling: undefined,
          calibration: () => undefined,
        } as const
        const memo = new SearchMemo(context)
        for (const each of [...all, ...all]) {
          const options = each as SearchOptions<never>
          expect(outcome(() => memo.parse(options))).toEqual(
            outcome(() => parseSearch(options, context)),
          )
        }
      }),
    )
  })

  it('keeps the same object for equal options in new ones', () => {
    const memo = new SearchMemo({
      rescore: 'bounded',
      oversampling: undefined,
      calibration: () => undefined,
    })
    expect(memo.parse({ limit: 5, ef: 40 })).toBe(memo.parse({ limit: 5, ef: 40 }))
    expect(memo.parse({ limit: 5, ef: 41 })).not.toBe(memo.parse({ limit: 5, ef: 40 }))
  })
})
