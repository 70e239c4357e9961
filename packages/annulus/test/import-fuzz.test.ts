// Files made up and files damaged: an import gives rows or an AnnulusError, and never more than the file
// could hold. ANNULUS_FUZZ_RUNS sets how many are tried of each kind.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type ImportedRow,
  openDataSet,
  readVectors,
  type VectorFormat,
} from '../src/import/index.js'
import { readLines } from '../src/import/lines.js'

const numRuns = Number(process.env['ANNULUS_FUZZ_RUNS'] ?? 150)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'annulus-fuzz-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Reads rows to their end or to a typed error; anything else rejects. */
async function check(rows: () => AsyncIterable<ImportedRow>, bytes: number): Promise<string> {
  let count = 0
  let components = 0
  try {
    for await (const { vector } of rows()) {
      components += vector.length
      if (++count > bytes || components > bytes) throw new Error('more than the file can hold')
    }
  } catch (error) {
    if (error instanceof AnnulusError) return error.code
    throw error
  }
  return 'read'
}

async function linesOf(lines: AsyncIterable<string>): Promise<string[]> {
  const read: string[] = []
  for await (const line of lines) read.push(line)
  return read
}

async function checkFile(bytes: Uint8Array, format: VectorFormat): Promise<string> {
  const path = join(folder, `fuzzed.${format}`)
  await writeFile(path, bytes)
  return check(() => readVectors(path), bytes.length)
}

function npy(descr: string, shape: string, data: number): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }\n`
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(text.length, 8)
  return Buffer.concat([start, Buffer.from(text, 'latin1'), Buffer.alloc(data, 0x3f)])
}

function rows(dimension: number, componentBytes: number, count: number): Buffer {
  const record = Buffer.alloc(4 + dimension * componentBytes, 0x3f)
  record.writeInt32LE(dimension)
  return Buffer.concat(Array.from({ length: count }, () => record))
}

const jsonLine = '{"id": 7, "vector": [1, -2.5, 3e2], "payload": {"a": [true, null]}, "b": "ö"}\r\n'

const valid: Record<VectorFormat, Buffer> = {
  fvecs: rows(3, 4, 5),
  bvecs: rows(5, 1, 4),
  npy: npy('<f4', '4, 3', 48),
  jsonl: Buffer.from(jsonLine.repeat(3)),
}

const extremes = fc.constantFrom(-1, 0, 1, 0x7fff_ffff, -0x8000_0000, 0x0100_0000)
const position = fc.double({ min: 0, max: 1, noNaN: true })
const edit = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at: position, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('int' as const), at: position, value: extremes }),
  fc.record({ kind: fc.constant('cut' as const), at: position, value: fc.constant(0) }),
  fc.record({ kind: fc.constant('repeat' as const), at: position, value: fc.nat(9) }),
)
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never

function edited(bytes: Buffer, { kind, at, value }: Edit): Buffer {
  const index = Math.floor(at * bytes.length)
  if (kind === 'cut') return bytes.subarray(0, index)
  if (kind === 'repeat') {
    const piece = bytes.subarray(index, index + value)
    return Buffer.concat([bytes.subarray(0, index), piece, bytes.subarray(index)])
  }
  const copy = Buffer.from(bytes)
  if (kind === 'byte') copy.set(index < copy.length ? [value] : [], index)
  else if (index + 4 <= copy.length) copy.writeInt32LE(value, index)
  return copy
}

const formats = ['fvecs', 'bvecs', 'npy', 'jsonl'] as const

describe.each(formats)('a %s file', (format) => {
  it('is read whole as it is', async () => {
    expect(await checkFile(valid[format], format)).toBe('read')
  })

  it('of any bytes gives rows or a typed error', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        checkFile(bytes, format).then(() => undefined),
      ),
      { numRuns },
    ))

  it('changed at some places gives rows or a typed error', () =>
    fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) =>
        checkFile(edits.reduce(edited, valid[format]), format).then(() => undefined),
      ),
      { numRuns },
    ))
})

describe('what a header may say', () => {
  it('of any type and shape gives rows or a typed error', () => {
    const descr = fc.constantFrom(
      '<f4',
      '<f8',
      '|u1',
      '<i8',
      'constructor',
      '__proto__',
      'toString',
    )
    const side = fc.oneof(
      fc.nat(5).map(String),
      fc.constantFrom('65536', '4294967296', '9'.repeat(400), '-1', '', '1, 2'),
    )
    return fc.assert(
      fc.asyncProperty(descr, side, side, fc.nat(64), async (type, count, dimension, data) => {
        await checkFile(npy(type, `${count}, ${dimension}`, data), 'npy')
      }),
      { numRuns },
    )
  })

  it('refuses rows without components, of which no file has an end', async () => {
    expect(await checkFile(npy('<f4', '1000000000, 0', 0), 'npy')).toBe('ANNULUS_UNSUPPORTED')
  })

  it('is a typed error where the ending names a property of every object', () => {
    for (const ending of ['constructor', 'toString', '__proto__', 'hasOwnProperty'])
      expect(() => readVectors(`vectors.${ending}`)).toThrow(AnnulusError)
  })
})

describe('lines', () => {
  it('are what splitting the text gives, wherever the pieces of the file end', async () => {
    const path = join(folder, 'lines.txt')
    const line = fc.string({ unit: fc.constantFrom('a', 'ö', '💡', '\r', ' '), maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.nat(3), async (lines, pad) => {
        // Past the first piece of the stream, so that lines cross its end.
        const text = [' '.repeat((1 << 18) - pad), ...lines].join('\n')
        await writeFile(path, text)
        const expected = text.split('\n').map((each) => each.replace(/\r$/, ''))
        if (text.endsWith('\n')) expected.pop()
        expect(await linesOf(readLines(path))).toEqual(expected)
      }),
      { numRuns: Math.min(numRuns, 40) },
    )
  })

  it('that are too long are refused before they are whole', async () => {
    const path = join(folder, 'long.txt')
    await writeFile(path, `short\n${'x'.repeat(100)}`)
    const read = linesOf(readLines(path, 99))
    await expect(read).rejects.toMatchObject({ code: 'ANNULUS_CORRUPT', details: { line: 2 } })
    expect(await linesOf(readLines(path, 100))).toHaveLength(2)
  })
})

it('a data set with a made-up meta.json gives a typed error', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.constantFrom('constructor', 'l2').map((distance) => JSON.stringify({ distance })),
      ),
      fc.uint8Array({ maxLength: 12 }),
      async (meta, base) => {
        await writeFile(join(folder, 'meta.json'), meta)
        await writeFile(join(folder, 'base.fvecs'), base)
        await check(async function* () {
          const set = await openDataSet(folder)
          expect(set.count).toSatisfy(Number.isSafeInteger)
          yield* set.rows()
        }, base.length)
      },
    ),
    { numRuns },
  ))

it('would notice an untyped error and an endless file', async () => {
  const untyped = async function* (): AsyncGenerator<ImportedRow> {
    yield { vector: new Float32Array(1) }
    throw new RangeError('out of bounds')
  }
  await expect(check(untyped, 10)).rejects.toThrow(RangeError)
  const endless = async function* (): AsyncGenerator<ImportedRow> {
    for (;;) yield { vector: new Float32Array(0) }
  }
  await expect(check(endless, 10)).rejects.toThrow('more than')
})
