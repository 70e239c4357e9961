// Small records of LMDB with right checksums and made-up contents: typed errors that name the record,
// never a file elsewhere. ANNULUS_FUZZ_RUNS sets how many are tried of each kind.
import { basename, join } from 'node:path'
import { preadStorage } from '@annulus/storage'
import fc from 'fast-check'
import { type Key, open as openLmdb } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { AnnulusError, open } from '../src/index.js'
import { sealed } from '../src/sealed.js'
import { decodeStored, encodeStored, type Shape } from '../src/stored.js'
import { areUnindexed, isChange, isConfig, isManifest, isState } from '../src/stored-shapes.js'
import { copyOf, directory, vectors } from './world.js'

const numRuns = Number(process.env['ANNULUS_FUZZ_RUNS'] ?? 300)

const config = {
  number: 1,
  name: 'c',
  dimension: 8,
  metric: 'cosine',
  quantization: 'scalar',
  quantizationSettings: { bits: 8 },
  m: 16,
  efConstruct: 128,
  indexedFields: ['kind'],
}
const state = { slots: 10, points: 9, sequence: 3 }
const manifest = {
  version: 2,
  sequence: 3,
  slots: 'slots.2.snap',
  codes: 'codes.1.snap',
  graph: undefined,
  encoded: 10,
  linked: 0,
  trainedOn: 9,
  choice: { kind: 'scalar', settings: {}, reason: 'small', countMax: undefined },
  calibration: {
    points: 5_000,
    queries: 200,
    tables: [{ limit: 10, beams: [{ recall: 0.9, ef: 16, oversampling: 1.5, reached: true }] }],
  },
}
const change = { from: 3, to: 5, reused: [1], removed: [0, 2] }
const unindexed = [[Buffer.from('key'), [1, 2]]]

const kinds: [string, Shape<unknown>, unknown][] = [
  ['config', isConfig, config],
  ['state', isState, state],
  ['snapshot', isManifest, manifest],
  ['change', isChange, change],
  ['unindexed', areUnindexed, unindexed],
]

function attempt<T>(bytes: Buffer, shape: Shape<T>): T | undefined {
  try {
    return decodeStored(bytes, 'the record x', shape)
  } catch (error) {
    expect(error).toBeInstanceOf(AnnulusError)
    expect(error).toMatchObject({ code: 'ANNULUS_CORRUPT', details: { record: 'the record x' } })
    return undefined
  }
}

/** Another value in the place of one of an object's. */
function changed(valid: object): fc.Arbitrary<object> {
  const name = fc.constantFrom(...Object.keys(valid))
  const value = fc.oneof(fc.jsonValue(), fc.double(), fc.integer(), fc.constant('../../x.snap'))
  return fc.tuple(name, value).map(([key, each]) => ({ ...valid, [key]: each }))
}

describe('records of LMDB', () => {
  it.each(kinds)('of kind %s are read as they were written', (_, shape, value) => {
    expect(attempt(encodeStored(value), shape)).toEqual(value)
  })

  it.each(kinds)('of kind %s are refused when they are anything else', (_, shape, value) => {
    const contents = fc.oneof(
      fc.jsonValue().map(encodeStored),
      changed(value as object).map(encodeStored),
      fc.uint8Array({ maxLength: 40 }).map(sealed),
    )
    fc.assert(
      fc.property(contents, (bytes) => {
        const read = attempt(bytes, shape)
        expect(read === undefined || shape(read)).toBe(true)
      }),
      { numRuns },
    )
  })

  it('name files beside the others and nowhere else', () => {
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('../slots.1.snap', '/slots.1.snap', 'slots.1.snap/..', 'slots.1.snap\n'),
      fc.nat().map((version) => `slots.${version}.snap`),
    )
    fc.assert(
      fc.property(name, fc.constantFrom('slots', 'codes', 'graph'), (each, field) => {
        const read = attempt(encodeStored({ ...manifest, [field]: each }), isManifest)
        for (const file of [read?.slots, read?.codes, read?.graph]) {
          if (file !== undefined) expect(file).toMatch(/^(slots|codes|graph)\.\d+\.snap$/)
          if (file !== undefined) expect(basename(file)).toBe(file)
        }
      }),
      { numRuns },
    )
  })

  it.each<[string, Shape<unknown>, unknown]>([
    ['more points than slots', isState, { ...state, points: 11 }],
    ['slots that end before they begin', isChange, { ...change, to: 2 }],
    ['a negative slot', isChange, { ...change, removed: [-1] }],
    ['a name with a control character', isConfig, { ...config, name: 'a\nb' }],
    ['a metric there is not', isConfig, { ...config, metric: 'hamming' }],
    ['no dimension', isConfig, { ...config, dimension: undefined }],
    ['a path for a name', isManifest, { ...manifest, graph: 'a/graph.1.snap' }],
    ['a line end after a name', isManifest, { ...manifest, slots: 'slots.1.snap\n' }],
  ])('with %s are refused', (_, shape, value) => {
    expect(attempt(encodeStored(value), shape)).toBeUndefined()
  })
})

const storage = preadStorage()
const settings = { dimension: 8, codesFrom: 20, graphFrom: 40 }

async function filled(): Promise<string> {
  const path = await directory()
  await using db = await open(path, { storage })
  const collection = await db.collection('c', settings)
  await collection.upsert(vectors(50, 8).map((vector, id) => ({ id, vector })))
  await collection.waitForIndex()
  await collection.flush()
  return path
}

/** A copy of a database in which one record is another, with a right checksum. */
async function forged(path: string, key: Key, value: unknown): Promise<string> {
  const copy = await copyOf(path)
  const root = openLmdb({ path: join(copy, 'annulus.mdb'), noSubdir: true, maxDbs: 8 })
  const meta = root.openDB<Buffer, Key>('meta', { encoding: 'binary' })
  await root.batch(() => void meta.put(key, encodeStored(value)))
  await root.close()
  return copy
}

describe('a database with a forged record', () => {
  it.each<[Key, unknown]>([
    [['config', 1], { ...config, number: 2 }],
    [['config', 1], { ...config, m: 1_000_000 }],
    [['state', 1], { slots: 'many', points: 1, sequence: 1 }],
    [['unindexed', 1], [['key', [1]]]],
  ])('%j names it instead of using it', async (key, value) => {
    await using db = await open(await forged(await filled(), key, value), { storage })
    await expect(db.collection('c', settings)).rejects.toMatchObject({
      code: 'ANNULUS_CORRUPT',
      details: { record: expect.stringContaining(String([key].flat()[0])) },
    })
  })

  it('rebuilds what a forged manifest names, and says so', async () => {
    const path = await filled()
    const copy = await forged(path, ['snapshot', 1], { ...manifest, slots: '../../../etc/passwd' })
    await using db = await open(copy, { storage })
    const reasons: string[] = []
    db.on('rebuilt', ({ reason }) => reasons.push(reason.message))
    const collection = await db.collection('c', settings)
    await collection.waitForIndex()
    expect(reasons).toEqual([expect.stringContaining('snapshot of collection 1')])
    expect(collection.size).toBe(50)
    const [query = new Float32Array(8)] = vectors(1, 8)
    expect((await collection.search(query, { limit: 1 }))[0]?.id).toBe(0)
    await collection.flush()
    expect(await db.verify()).toMatchObject({ ok: true, points: 50 })
  })
})
