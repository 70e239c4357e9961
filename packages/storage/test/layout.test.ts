import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dimensionMax,
  layoutOf,
  pageBytes,
  sectorBytes,
  segmentBytesLimit,
  segmentName,
  slotsPerSegmentMax,
  strideOf,
} from '../src/layout.js'

const dimension = fc.integer({ min: 1, max: dimensionMax })

describe('the stride', () => {
  it.each([
    [768, 3072],
    [384, 1536],
    [1024, 4096],
    [1536, 6144],
    [960, 4096],
    [128, 512],
    [120, 512],
    [100, 400],
    [784, 3136],
    [1, 4],
  ])('of dimension %i is %i bytes', (size, stride) => {
    expect(strideOf(size)).toBe(stride)
  })

  it('holds a vector, keeps floats aligned and wastes at most an eighth', () => {
    fc.assert(
      fc.property(dimension, (size) => {
        const stride = strideOf(size)
        const waste = stride - size * 4
        expect(stride % 4).toBe(0)
        expect(waste).toBeGreaterThanOrEqual(0)
        expect(waste * 8).toBeLessThanOrEqual(size * 4)
        if (waste > 0) expect(stride % sectorBytes).toBe(0)
      }),
    )
  })
})

describe('the layout', () => {
  it('keeps a segment within its limit, on whole pages, and as full as it can be', () => {
    const bytes = fc.integer({ min: 2 * pageBytes, max: segmentBytesLimit })
    fc.assert(
      fc.property(dimension, bytes, (size, segmentBytesMax) => {
        const stride = strideOf(size)
        const room = Math.floor(segmentBytesMax / pageBytes) * pageBytes - pageBytes
        fc.pre(room >= stride)
        const layout = layoutOf(size, segmentBytesMax)
        const used = layout.headerBytes + layout.slotsPerSegment * stride
        expect(layout.segmentBytes % pageBytes).toBe(0)
        expect(layout.segmentBytes).toBeLessThanOrEqual(segmentBytesMax)
        expect(layout.segmentBytes).toBeGreaterThanOrEqual(used)
        expect(layout.slotsPerSegment).toBe(Math.min(slotsPerSegmentMax, Math.floor(room / stride)))
      }),
    )
  })

  it('never lets a padded vector touch a sector of another', () => {
    fc.assert(
      fc.property(dimension, fc.nat(1000), (size, slot) => {
        const { headerBytes, stride, vectorBytes } = layoutOf(size)
        fc.pre(stride > vectorBytes)
        expect((headerBytes + slot * stride) % sectorBytes).toBe(0)
      }),
    )
  })

  it('holds 87,380 vectors of 768 dimensions in the default 256 MiB', () => {
    expect(layoutOf(768).slotsPerSegment).toBe(87_380)
  })

  it.each([0, 4096, 7 * 1024, segmentBytesLimit + 1])('refuses segments of %i bytes', (bytes) => {
    expect(() => layoutOf(1024, bytes)).toThrow(/segmentBytesMax/)
  })

  it('names files so that they sort', () => {
    expect(segmentName(7, 'seg')).toBe('vectors-000007.seg')
    expect(segmentName(1234, 'crc')).toBe('vectors-001234.crc')
  })
})
