// The header page of segment and checksum files. Nothing in it is believed before its CRC32C is.
import { AnnulusError, crc32c } from '@annulus/native'
import {
  dimensionMax,
  float32Type,
  layoutFrom,
  pageBytes,
  segmentBytesLimit,
  slotsPerSegmentMax,
} from './layout.js'
import type { SegmentLayout } from './segments.js'

export const formatVersion = 1

export type FileKind = 'seg' | 'crc'

export interface Header {
  readonly kind: FileKind
  /** 32 hexadecimal digits, the same in all files of a store. */
  readonly storeId: string
  readonly number: number
  readonly layout: SegmentLayout
}

const magics: Record<FileKind, string> = { seg: 'ANNULVEC', crc: 'ANNULCRC' }
const checksumAt = pageBytes - 4

export function encodeHeader(header: Header): Buffer {
  const page = Buffer.alloc(pageBytes)
  const { layout } = header
  page.write(magics[header.kind], 0, 'latin1')
  page.writeUInt32LE(formatVersion, 8)
  page.writeUInt32LE(pageBytes, 12)
  page.write(header.storeId, 16, 16, 'hex')
  page.writeUInt32LE(header.number, 32)
  page.writeUInt32LE(layout.dimension, 36)
  page.writeUInt32LE(float32Type, 40)
  page.writeUInt32LE(layout.stride, 44)
  page.writeUInt32LE(layout.slotsPerSegment, 48)
  page.writeUInt32LE(layout.segmentBytes, 52)
  page.writeUInt32LE(crc32c(page.subarray(0, checksumAt)), checksumAt)
  return page
}

/**
 * Reads a header page.
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` when it is damaged or not ours, `ANNULUS_VERSION` when it is
 * intact and of another version.
 */
export function decodeHeader(page: Buffer, kind: FileKind, path: string): Header {
  const corrupt = (field: string): never => {
    throw new AnnulusError('ANNULUS_CORRUPT', `${path}: the header is damaged (${field})`, {
      details: { path, field },
    })
  }
  if (page.length !== pageBytes) corrupt('length')
  if (page.toString('latin1', 0, 8) !== magics[kind]) corrupt('magic')
  // Every version keeps magic, version and checksum where they are, so that this order is sound.
  if (page.readUInt32LE(checksumAt) !== crc32c(page.subarray(0, checksumAt))) corrupt('checksum')
  const version = page.readUInt32LE(8)
  if (version !== formatVersion) {
    throw new AnnulusError(
      'ANNULUS_VERSION',
      `${path} has format version ${version}; this release of @annulus/storage reads version ${formatVersion}`,
      { details: { path, version, supported: formatVersion } },
    )
  }
  if (page.readUInt32LE(12) !== pageBytes) corrupt('header bytes')
  if (page.readUInt32LE(40) !== float32Type) corrupt('data type')
  const dimension = page.readUInt32LE(36)
  const stride = page.readUInt32LE(44)
  const slotsPerSegment = page.readUInt32LE(48)
  if (dimension < 1 || dimension > dimensionMax) corrupt('dimension')
  if (stride < dimension * 4 || stride % 4 !== 0) corrupt('stride')
  const layout = layoutFrom(dimension, stride, slotsPerSegment)
  if (slotsPerSegment < 1 || slotsPerSegment > slotsPerSegmentMax) corrupt('slots per segment')
  if (layout.segmentBytes > segmentBytesLimit) corrupt('segment bytes')
  if (page.readUInt32LE(52) !== layout.segmentBytes) corrupt('segment bytes')
  return { kind, storeId: page.toString('hex', 16, 32), number: page.readUInt32LE(32), layout }
}
