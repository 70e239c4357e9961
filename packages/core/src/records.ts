// The record of a point in LMDB: its id and its encoded payload, sealed.
//
//   0  u32  CRC-32C of the rest
//   4  u8   bit 0: the id is a string; bit 1: a payload follows
//   5       id: float64, or u16 length and UTF-8
//   …       payload: MessagePack
import { AnnulusError } from '@annulus/native'
import type { PointId } from './ids.js'
import { seal, sealBytes, unseal } from './sealed.js'

const stringIdFlag = 1
const payloadFlag = 2
const flagsOffset = sealBytes
const idOffset = flagsOffset + 1

export interface PointRecord {
  readonly id: PointId
  /** Encoded payload; undefined when the point has none. A view that is valid until the next read. */
  readonly payload: Uint8Array | undefined
}

/** Bytes that the record of a point will take. */
export function recordBytes(id: PointId, payload: Uint8Array | undefined): number {
  return idOffset + idBytesOf(id) + (payload?.length ?? 0)
}

/** Writes the record into `record`, which is as long as `recordBytes` says. */
export function encodeRecord(id: PointId, payload: Uint8Array | undefined, record: Buffer): void {
  const idBytes = idBytesOf(id)
  record[flagsOffset] =
    (typeof id === 'string' ? stringIdFlag : 0) | (payload === undefined ? 0 : payloadFlag)
  if (typeof id === 'number') record.writeDoubleLE(id, idOffset)
  else {
    record.writeUInt16LE(idBytes - 2, idOffset)
    record.write(id, idOffset + 2, 'utf8')
  }
  if (payload !== undefined) record.set(payload, idOffset + idBytes)
  seal(record)
}

function idBytesOf(id: PointId): number {
  return typeof id === 'number' ? 8 : 2 + Buffer.byteLength(id)
}

/** @throws AnnulusError `ANNULUS_CORRUPT` when the record is damaged. */
export function decodeRecord(bytes: Buffer, slot: number): PointRecord {
  const record = unseal(bytes, `the record of slot ${slot}`)
  const flags = record[0] ?? 0
  const [id, end] =
    (flags & stringIdFlag) === 0 ? readNumber(record, slot) : readString(record, slot)
  return { id, payload: (flags & payloadFlag) === 0 ? undefined : record.subarray(end) }
}

function readNumber(record: Buffer, slot: number): [number, number] {
  if (record.length < 9) throw short(slot)
  return [record.readDoubleLE(1), 9]
}

function readString(record: Buffer, slot: number): [string, number] {
  if (record.length < 3) throw short(slot)
  const end = 3 + record.readUInt16LE(1)
  if (record.length < end) throw short(slot)
  return [record.toString('utf8', 3, end), end]
}

function short(slot: number): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `the record of slot ${slot} is too short`, {
    details: { slot },
  })
}
