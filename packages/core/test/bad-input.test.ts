import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { memoryStorage } from '@annulus/storage'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Collection, type Database, type ErrorCode, limits, open } from '../src/index.js'
import { directory, failure, lastingDirectory } from './world.js'

const good = { id: 1, vector: [1, 2, 3] }
const deep = (levels: number): object => (levels === 0 ? {} : { a: deep(levels - 1) })
const cyclic: { self?: object } = {}
cyclic.self = cyclic

/** What is wrong, the point, the code. */
const badPoints: [string, unknown, ErrorCode][] = [
  ['too few components', { id: 2, vector: [1, 2] }, 'ANNULUS_DIMENSION'],
  ['too many components', { id: 2, vector: new Float32Array(4) }, 'ANNULUS_DIMENSION'],
  ['NaN in an array', { id: 2, vector: [1, Number.NaN, 3] }, 'ANNULUS_INVALID_VECTOR'],
  [
    'NaN in a Float32Array',
    { id: 2, vector: Float32Array.of(1, Number.NaN, 3) },
    'ANNULUS_INVALID_VECTOR',
  ],
  ['Infinity', { id: 2, vector: Float32Array.of(1, 2, -Infinity) }, 'ANNULUS_INVALID_VECTOR'],
  ['a number past float32', { id: 2, vector: [1, 2, 1e39] }, 'ANNULUS_INVALID_VECTOR'],
  ['a missing number', { id: 2, vector: [1, undefined, 3] }, 'ANNULUS_INVALID_VECTOR'],
  ['text for a number', { id: 2, vector: [1, '2', 3] }, 'ANNULUS_INVALID_VECTOR'],
  ['float64', { id: 2, vector: new Float64Array(3) }, 'ANNULUS_INVALID_VECTOR'],
  ['no vector', { id: 2 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['zero with cosine', { id: 2, vector: [0, 0, 0] }, 'ANNULUS_ZERO_VECTOR'],
  ['a number that becomes zero', { id: 2, vector: [1e-50, 0, 0] }, 'ANNULUS_ZERO_VECTOR'],
  ['no id', { vector: [1, 2, 3] }, 'ANNULUS_INVALID_ARGUMENT'],
  ['an empty id', { ...good, id: '' }, 'ANNULUS_INVALID_ID'],
  ['a fraction as id', { ...good, id: 1.5 }, 'ANNULUS_INVALID_ID'],
  ['an id past the safe integers', { ...good, id: 2 ** 53 }, 'ANNULUS_INVALID_ID'],
  ['a bigint id', { ...good, id: 1n }, 'ANNULUS_INVALID_ID'],
  ['null as id', { ...good, id: null }, 'ANNULUS_INVALID_ID'],
  ['half a surrogate pair', { ...good, id: 'a\ud800' }, 'ANNULUS_INVALID_ID'],
  ['a long id', { ...good, id: 'é'.repeat(257) }, 'ANNULUS_LIMIT'],
  ['a misspelt field', { ...good, id: 2, payloads: {} }, 'ANNULUS_UNKNOWN_OPTION'],
  ['a payload that is an array', { ...good, id: 2, payload: [] }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a payload that is null', { ...good, id: 2, payload: null }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a function', { ...good, id: 2, payload: { f: () => 1 } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a date', { ...good, id: 2, payload: { at: new Date() } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a map', { ...good, id: 2, payload: { m: new Map() } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a bigint', { ...good, id: 2, payload: { n: [1n] } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['NaN in a payload', { ...good, id: 2, payload: { n: Number.NaN } }, 'ANNULUS_INVALID_ARGUMENT'],
  [
    '__proto__',
    { ...good, id: 2, payload: JSON.parse('{"__proto__": 1}') },
    'ANNULUS_INVALID_ARGUMENT',
  ],
  ['a cycle', { ...good, id: 2, payload: cyclic }, 'ANNULUS_LIMIT'],
  ['deep nesting', { ...good, id: 2, payload: deep(40) }, 'ANNULUS_LIMIT'],
  [
    'a large payload',
    { ...good, id: 2, payload: { text: 'x'.repeat(limits.payloadBytesMax) } },
    'ANNULUS_LIMIT',
  ],
]

const badSearches: [string, unknown, ErrorCode][] = [
  ['an unknown option', { limits: 5 }, 'ANNULUS_UNKNOWN_OPTION'],
  ['limit 0', { limit: 0 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a fraction as limit', { limit: 1.5 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a negative offset', { offset: -1 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['too large a limit', { limit: limits.resultsMax + 1 }, 'ANNULUS_LIMIT'],
  ['limit and offset together', { limit: 10, offset: limits.resultsMax }, 'ANNULUS_LIMIT'],
  ['oversampling below 1', { oversampling: 0.5 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['oversampling NaN', { oversampling: Number.NaN }, 'ANNULUS_INVALID_ARGUMENT'],
  ['huge oversampling', { oversampling: 1e9 }, 'ANNULUS_LIMIT'],
  ['ef 0', { ef: 0 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['rescore as text', { rescore: 'yes' }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a threshold that is NaN', { scoreThreshold: Number.NaN }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a filter that is a list', { filter: [] }, 'ANNULUS_INVALID_ARGUMENT'],
  ['an unknown condition', { filter: { a: { greater: 1 } } }, 'ANNULUS_UNKNOWN_OPTION'],
  ['a range without bounds', { filter: { a: { gt: undefined } } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a condition of nothing', { filter: { a: {} } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a range up to true', { filter: { a: { lt: true } } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a range up to NaN', { filter: { a: { lt: Number.NaN } } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a range and values', { filter: { a: { in: [1], lt: 2 } } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a filter value that is an object', { filter: { a: { in: [{}] } } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a filter value NaN', { filter: { a: Number.NaN } }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a signal that is none', { signal: {} }, 'ANNULUS_INVALID_ARGUMENT'],
  ['null options', null, 'ANNULUS_INVALID_ARGUMENT'],
]

const badCollections: [string, unknown, ErrorCode][] = [
  ['no dimension', {}, 'ANNULUS_NOT_FOUND'],
  ['dimension 0', { dimension: 0 }, 'ANNULUS_INVALID_ARGUMENT'],
  ['a huge dimension', { dimension: 1e6 }, 'ANNULUS_LIMIT'],
  ['an unknown metric', { dimension: 3, metric: 'hamming' }, 'ANNULUS_INVALID_ARGUMENT'],
  ['an unknown option', { dimension: 3, metrics: 'dot' }, 'ANNULUS_UNKNOWN_OPTION'],
  ['an unknown graph option', { dimension: 3, hnsw: { M: 16 } }, 'ANNULUS_UNKNOWN_OPTION'],
  ['m too small', { dimension: 3, hnsw: { m: 1 } }, 'ANNULUS_INVALID_ARGUMENT'],
  [
    'a quantizer that is text',
    { dimension: 3, quantization: 'scalar' },
    'ANNULUS_INVALID_ARGUMENT',
  ],
  ['a field that is a number', { dimension: 3, indexedFields: [1] }, 'ANNULUS_INVALID_ARGUMENT'],
  [
    'a graph before the codes',
    { dimension: 3, codesFrom: 10, graphFrom: 5 },
    'ANNULUS_INVALID_ARGUMENT',
  ],
]

let db: Database
let points: Collection

beforeAll(async () => {
  db = await open(await lastingDirectory(), { storage: memoryStorage() })
  points = await db.collection('points', { dimension: 3 })
  await points.upsert(good)
})

afterAll(() => db.close())

async function unchanged(): Promise<void> {
  expect(points.size).toBe(1)
  expect(points.stats().slots).toBe(1)
  expect(await points.get(1, { withVector: true })).toEqual({
    id: 1,
    vector: Float32Array.of(1, 2, 3),
  })
}

describe('bad input is a typed error and changes nothing', () => {
  it.each(badPoints)('upsert: %s', async (_, point, code) => {
    // Alone, behind good ones, and in the last of several groups.
    const many = Array.from({ length: 1_500 }, (_, id) => ({ id: id + 10, vector: [1, 2, 3] }))
    for (const batch of [point, [{ ...good, id: 7 }, point], [...many, point]]) {
      expect(await failure(points.upsert(batch as never))).toBe(code)
    }
    await unchanged()
  })

  it('upsert: the same id twice, in one group and across groups', async () => {
    expect(
      await failure(
        points.upsert([
          { ...good, id: 7 },
          { ...good, id: 7 },
        ]),
      ),
    ).toBe('ANNULUS_DUPLICATE_ID')
    const many = Array.from({ length: 1_500 }, (_, id) => ({ id: id % 1_499, vector: [1, 2, 3] }))
    expect(await failure(points.upsert(many))).toBe('ANNULUS_DUPLICATE_ID')
    await unchanged()
  })

  it.each(badSearches)('search: %s', async (_, options, code) => {
    expect(await failure(points.search([1, 2, 3], options as never))).toBe(code)
    await unchanged()
  })

  it('search: bad queries', async () => {
    expect(await failure(points.search([1, 2]))).toBe('ANNULUS_DIMENSION')
    expect(await failure(points.search([1, 2, Number.NaN]))).toBe('ANNULUS_INVALID_VECTOR')
    expect(await failure(points.search([0, 0, 0]))).toBe('ANNULUS_ZERO_VECTOR')
    expect(await failure(points.search('abc' as never))).toBe('ANNULUS_INVALID_VECTOR')
  })

  it('get, delete, count: bad arguments', async () => {
    expect(await failure(points.get(1.5))).toBe('ANNULUS_INVALID_ID')
    expect(await failure(points.delete([1, {} as never]))).toBe('ANNULUS_INVALID_ID')
    expect(await failure(points.delete([1], { force: true } as never))).toBe(
      'ANNULUS_UNKNOWN_OPTION',
    )
    expect(await failure(points.count({ filters: {} } as never))).toBe('ANNULUS_UNKNOWN_OPTION')
    await unchanged()
  })

  it.each(badCollections)('collection: %s', async (_, options, code) => {
    expect(await failure(db.collection('new', options as never))).toBe(code)
    expect(db.collections()).toHaveLength(1)
  })

  it.each([[''], ['a\n'], [7], ['x'.repeat(200)]])('collection name %j', async (name) => {
    const code = await failure(db.collection(name as never, { dimension: 3 }))
    expect(code).toMatch(/^ANNULUS_(INVALID_ARGUMENT|LIMIT)$/)
    expect(db.collections()).toHaveLength(1)
  })

  it('open: bad arguments', async () => {
    const path = await directory()
    const storage = memoryStorage()
    expect(await failure(open('', { storage }))).toBe('ANNULUS_INVALID_ARGUMENT')
    expect(await failure(open(path, {} as never))).toBe('ANNULUS_INVALID_ARGUMENT')
    expect(await failure(open(path, { storage, thread: 1 } as never))).toBe(
      'ANNULUS_UNKNOWN_OPTION',
    )
    expect(await failure(open(path, { storage, threads: 0 }))).toBe('ANNULUS_INVALID_ARGUMENT')
    const file = join(path, 'file')
    await writeFile(file, 'text')
    expect(await failure(open(file, { storage }))).toBe('ANNULUS_INVALID_ARGUMENT')
    expect(await failure(open(join(file, 'below'), { storage }))).toBe('ANNULUS_INVALID_ARGUMENT')
  })
})

describe('messages tell what was given, and what to do instead', () => {
  const many = (count: number) => Array.from({ length: count }, (_, id) => ({ ...good, id }))
  const messageOf = (call: Promise<unknown>) => call.then(String, ({ message }) => message)

  it.each<[string, () => Promise<unknown>, string]>([
    ['text for a number', () => points.search([1, 2, 3], { limit: '5' as never }), 'not "5"'],
    ['a number for options', () => points.search([1, 2, 3], 5 as never), 'an object, not 5'],
    ['a list for options', () => points.count([] as never), 'an object, not an array'],
    ['float64', () => points.search(Float64Array.of(1, 2, 3) as never), 'not Float64Array'],
    ['JSON for a vector', () => points.search('[1,2,3]' as never), 'not "[1,2,3]"'],
    ['a bigint id', () => points.get(5n as never), 'the bigint 5: String(id)'],
    ['an object for an id', () => points.get({ id: 1 } as never), 'not an object'],
    ['a storage by name', () => open('x', { storage: 'mmap' as never }), 'mmapStorage()'],
    [
      'a date',
      () => points.upsert({ ...good, payload: { day: new Date() } }),
      'day is a Date (its toISOString()',
    ],
    [
      'one of many points',
      () => points.upsert([...many(3_000), { vector: [1, 2, 3] }] as never),
      'point 3000 needs an id and a vector',
    ],
    ['options of points', () => points.points({ limit: 1 } as never).next(), 'filter, with'],
  ])('%s', async (_, call, told) => {
    expect(await messageOf(call())).toContain(told)
  })

  it('details can be logged as JSON, whatever the id was', async () => {
    const error = await points.get(5n as never).catch((thrown: unknown) => thrown)
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ details: { id: '5' } })
  })

  it('a database that is open already names itself, its process and the way to read beside it', async () => {
    const message = await messageOf(open(db.path, { storage: memoryStorage() }))
    expect(message).toContain(`${db.path} is open for writing already`)
    expect(message).toContain('readOnly')
    if (process.platform !== 'win32') expect(message).toContain(`process ${process.pid}`)
  })
})
