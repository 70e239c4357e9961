import { AnnulusError, crc32c } from '@annulus/native'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeHeader, encodeHeader, type Header } from '../src/header.js'
import { layoutOf, pageBytes } from '../src/layout.js'

const header: Header = {
  kind: 'seg',
  storeId: '000102030405060708090a0b0c0d0e0f',
  number: 5,
  layout: layoutOf(768),
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
  } catch (error) {
    return error instanceof AnnulusError ? error.code : String(error)
  }
  return undefined
}

/** A header changed at one place, with a checksum that fits: what a program could write. */
function forged(position: number, value: number): Buffer {
  const page = encodeHeader(header)
  page.writeUInt32LE(value, position)
  page.writeUInt32LE(crc32c(page.subarray(0, pageBytes - 4)), pageBytes - 4)
  return page
}

describe('the header page', () => {
  it('is read as it was written', () => {
    expect(decodeHeader(encodeHeader(header), 'seg', 'x')).toEqual(header)
    const checksums: Header = { ...header, kind: 'crc' }
    expect(decodeHeader(encodeHeader(checksums), 'crc', 'x')).toEqual(checksums)
  })

  it('of any fields behind a right checksum is a layout within the limits or a typed error', () => {
    const at = fc.integer({ min: 2, max: 20 }).map((word) => 4 * word)
    const value = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 2, 3072, 4096, 0xffff_ffff))
    const numRuns = Number(process.env['ANNULUS_FUZZ_RUNS'] ?? 500)
    fc.assert(
      fc.property(at, value, (position, number) => {
        const page = forged(position, number)
        const code = codeOf(() => {
          const { layout } = decodeHeader(page, 'seg', 'x')
          const { headerBytes, slotsPerSegment, stride, segmentBytes, dimension } = layout
          if (stride < 4 * dimension || headerBytes + slotsPerSegment * stride > segmentBytes)
            throw new RangeError('the layout contradicts itself')
        })
        expect([undefined, 'ANNULUS_CORRUPT', 'ANNULUS_VERSION']).toContain(code)
      }),
      { numRuns },
    )
  })

  it('has its fields where docs/file-format.md says', () => {
    const page = encodeHeader(header)
    expect(page.toString('latin1', 0, 8)).toBe('ANNULVEC')
    expect(page.subarray(16, 32).toString('hex')).toBe(header.storeId)
    const fields = [8, 12, 32, 36, 40, 44, 48, 52].map((at) => page.readUInt32LE(at))
    const { slotsPerSegment, segmentBytes } = header.layout
    expect(fields).toEqual([1, 4096, 5, 768, 1, 3072, slotsPerSegment, segmentBytes])
    expect(page.subarray(56, 4092).every((byte) => byte === 0)).toBe(true)
  })

  it('shows the flip of every single bit', () => {
    for (let bit = 0; bit < pageBytes * 8; bit++) {
      const page = encodeHeaderOnce()
      page[bit >> 3] = (page[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      if (codeOf(() => decodeHeader(page, 'seg', 'x')) !== 'ANNULUS_CORRUPT') {
        expect.fail(`bit ${bit} was not noticed`)
      }
    }
  })

  it('shows that it was cut short', () => {
    for (const length of [0, 1, 8, 55, 4091, 4095]) {
      const page = encodeHeader(header).subarray(0, length)
      expect(
        codeOf(() => decodeHeader(page, 'seg', 'x')),
        `${length}`,
      ).toBe('ANNULUS_CORRUPT')
    }
  })

  it('of checksums is not taken for one of vectors', () => {
    const page = encodeHeader({ ...header, kind: 'crc' })
    expect(codeOf(() => decodeHeader(page, 'seg', 'x'))).toBe('ANNULUS_CORRUPT')
  })

  it('of a newer version is refused by its own code', () => {
    for (const version of [0, 2, 0xffff_ffff]) {
      expect(codeOf(() => decodeHeader(forged(8, version), 'seg', 'x'))).toBe('ANNULUS_VERSION')
    }
  })

  it.each([
    ['header bytes', 12, 8192],
    ['no dimension', 36, 0],
    ['a dimension beyond the limit', 36, 65_537],
    ['another data type', 40, 2],
    ['a stride that is too small', 44, 3068],
    ['a stride that breaks alignment', 44, 3074],
    ['a stride beyond all bounds', 44, 0xffff_fffc],
    ['no slots', 48, 0],
    ['slots beyond all bounds', 48, 0xffff_ffff],
    ['another size', 52, 4096],
  ])('with %s is refused although its checksum is right', (_, position, value) => {
    expect(codeOf(() => decodeHeader(forged(position, value), 'seg', 'x'))).toBe('ANNULUS_CORRUPT')
  })
})

const encoded = encodeHeader(header)
function encodeHeaderOnce(): Buffer {
  return Buffer.from(encoded)
}
