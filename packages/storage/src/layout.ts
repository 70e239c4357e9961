// Where each vector lies. The rule for the stride is justified, with figures, in docs/file-format.md.
import { AnnulusError } from '@annulus/native'
import type { SegmentLayout } from './segments.js'

export const pageBytes = 4096
export const sectorBytes = 512
/** Number of the element type in the header. */
export const float32Type = 1
export const dimensionMax = 65_536
/** Slots are 32-bit; the highest number stays free to mean "none". */
export const slotsMax = 0xffff_ffff
/** Keeps the checksums of a segment within 4 MiB of memory, however small the vectors. */
export const slotsPerSegmentMax = 2 ** 20
export const segmentBytesDefault = 256 * 2 ** 20
export const segmentBytesLimit = 2 ** 30

/**
 * Bytes from one vector to the next: whole sectors where that wastes at most an eighth of the
 * vector, so that a direct read touches no sector of a neighbour; else packed.
 */
export function strideOf(dimension: number): number {
  const vectorBytes = dimension * 4
  const padded = Math.ceil(vectorBytes / sectorBytes) * sectorBytes
  return (padded - vectorBytes) * 8 <= vectorBytes ? padded : vectorBytes
}

/** The layout of a new store. `segmentBytesMax` is rounded down to a page. */
export function layoutOf(
  dimension: number,
  segmentBytesMax: number = segmentBytesDefault,
): SegmentLayout {
  const stride = strideOf(dimension)
  const room = Math.floor(segmentBytesMax / pageBytes) * pageBytes - pageBytes
  const slotsPerSegment = Math.min(slotsPerSegmentMax, Math.floor(room / stride))
  if (segmentBytesMax > segmentBytesLimit || slotsPerSegment < 1) {
    throw new AnnulusError(
      'ANNULUS_INVALID_ARGUMENT',
      `segmentBytesMax must be at most ${segmentBytesLimit} and leave room for one vector of ${stride} bytes behind a page of ${pageBytes}, not ${segmentBytesMax}`,
      { details: { option: 'segmentBytesMax', value: segmentBytesMax } },
    )
  }
  return layoutFrom(dimension, stride, slotsPerSegment)
}

/** The layout that a header describes. */
export function layoutFrom(
  dimension: number,
  stride: number,
  slotsPerSegment: number,
): SegmentLayout {
  return {
    dimension,
    vectorBytes: dimension * 4,
    stride,
    headerBytes: pageBytes,
    slotsPerSegment,
    segmentBytes: pageBytes + Math.ceil((slotsPerSegment * stride) / pageBytes) * pageBytes,
  }
}

/** Name of a segment file, or of the checksums beside it. */
export function segmentName(number: number, kind: 'seg' | 'crc'): string {
  return `vectors-${String(number).padStart(6, '0')}.${kind}`
}
