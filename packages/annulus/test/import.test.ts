import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVectors, type VectorFormat } from '../src/import/index.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'annulus-import-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function rowsOf(bytes: Uint8Array | string, format: VectorFormat) {
  const path = join(folder, `file.${format}`)
  await writeFile(path, bytes)
  const rows = []
  for await (const row of readVectors(path)) rows.push(row)
  return rows
}

const matrix = (component: fc.Arbitrary<number>) =>
  fc.integer({ min: 1, max: 40 }).chain((dimension) =>
    fc.array(fc.array(component, { minLength: dimension, maxLength: dimension }), {
      minLength: 1,
      maxLength: 30,
    }),
  )
const float = fc.float({ noNaN: true, noDefaultInfinity: true })

function records(rows: readonly (readonly number[])[], componentBytes: 1 | 4): Uint8Array {
  const parts = rows.map((row) => {
    const record = Buffer.alloc(4 + row.length * componentBytes)
    record.writeInt32LE(row.length)
    row.forEach((value, i) => {
      if (componentBytes === 4) record.writeFloatLE(value, 4 + 4 * i)
      else record.writeUInt8(value, 4 + i)
    })
    return record
  })
  return Buffer.concat(parts)
}

function npy(
  rows: readonly (readonly number[])[],
  descr: '<f4' | '<f8',
  version: 1 | 2,
): Uint8Array {
  const header = Buffer.from(
    `{'descr': '${descr}', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0]?.length ?? 0}), }\n`,
  )
  const prefix = Buffer.alloc(version === 1 ? 10 : 12)
  prefix.write('\x93NUMPY', 'latin1')
  prefix.writeUInt8(version, 6)
  if (version === 1) prefix.writeUInt16LE(header.length, 8)
  else prefix.writeUInt32LE(header.length, 8)
  const flat = rows.flat()
  const data = descr === '<f4' ? Float32Array.from(flat) : Float64Array.from(flat)
  return Buffer.concat([prefix, header, Buffer.from(data.buffer)])
}

describe('files of vectors', () => {
  it('fvecs gives back every row', () =>
    fc.assert(
      fc.asyncProperty(matrix(float), async (rows) => {
        const read = await rowsOf(records(rows, 4), 'fvecs')
        expect(read.map(({ vector }) => vector)).toEqual(rows.map((row) => Float32Array.from(row)))
      }),
      { numRuns: 50 },
    ))

  it('bvecs gives back every row', () =>
    fc.assert(
      fc.asyncProperty(matrix(fc.integer({ min: 0, max: 255 })), async (rows) => {
        const read = await rowsOf(records(rows, 1), 'bvecs')
        expect(read.map(({ vector }) => [...vector])).toEqual(rows)
      }),
      { numRuns: 50 },
    ))

  it('npy gives back every row, in either width and version', () =>
    fc.assert(
      fc.asyncProperty(
        matrix(float),
        fc.constantFrom<'<f4' | '<f8'>('<f4', '<f8'),
        fc.constantFrom<1 | 2>(1, 2),
        async (rows, descr, version) => {
          const read = await rowsOf(npy(rows, descr, version), 'npy')
          expect(read.map(({ vector }) => vector)).toEqual(
            rows.map((row) => Float32Array.from(row)),
          )
        },
      ),
      { numRuns: 50 },
    ))

  it('JSON Lines gives ids and payload, from "payload" and from other fields', async () => {
    const rows = await rowsOf(
      '{"id":"a","vector":[1,2],"title":"x"}\n\n{"vector":[3,4],"payload":{"n":1}}\n',
      'jsonl',
    )
    expect(rows).toEqual([
      { id: 'a', vector: Float32Array.of(1, 2), payload: { title: 'x' } },
      { vector: Float32Array.of(3, 4), payload: { n: 1 } },
    ])
  })

  it.each([
    [
      'fvecs',
      records(
        [
          [1, 2],
          [3, 4],
        ],
        4,
      ).subarray(0, 20),
    ],
    ['fvecs', Buffer.concat([records([[1, 2]], 4), records([[1, 2, 3]], 4), Buffer.alloc(8)])],
    ['bvecs', Buffer.from([255, 255, 255, 255, 1])],
    [
      'npy',
      npy(
        [
          [1, 2],
          [3, 4],
        ],
        '<f4',
        1,
      ).subarray(0, -1),
    ],
    ['jsonl', '{"vector":[1,'],
    ['jsonl', '{"vector":"no"}'],
    ['jsonl', '[1,2]'],
  ] satisfies [VectorFormat, Uint8Array | string][])(
    'refuses a damaged %s file',
    async (format, bytes) => {
      await expect(rowsOf(bytes, format)).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT' })
    },
  )

  it('refuses what it does not know', async () => {
    expect(() => readVectors('vectors.parquet')).toThrow(
      expect.objectContaining({ code: 'ANNULUS_UNSUPPORTED' }),
    )
    await expect(rowsOf('not numpy at all', 'npy')).rejects.toMatchObject({
      code: 'ANNULUS_UNSUPPORTED',
    })
  })

  it('names the line of a bad row, empty lines counted', async () => {
    await expect(rowsOf('\n{"vector":[1]}\n\n{"vector":"no"}\n', 'jsonl')).rejects.toThrow('line 4')
  })

  it.each<VectorFormat>(['fvecs', 'bvecs', 'npy', 'jsonl'])(
    'a missing %s file is a typed error',
    async (format) => {
      const rows = readVectors(join(folder, `missing.${format}`))
      await expect(rows.next()).rejects.toMatchObject({ code: 'ANNULUS_NOT_FOUND' })
    },
  )
})
