// The slot table as a file, so that opening does not read every record.
//
//   0  magic "ANNSLOTS", u32 version, u32 collection, f64 sequence, f64 slots, u32 chunks, u32 CRC-32C of these
//  40  live bitmap: ceil(slots / 32) words, then its u32 CRC-32C
//   …  for each chunk of numeric ids: u32 index, 65,536 × f64, u32 CRC-32C of both
//   …  for each 8,192 slots: a u32 hash of each id, as many as there are slots, then their u32 CRC-32C
//
// All numbers are little-endian.
import { AnnulusError, crc32c } from '@annulus/native'
import { type FileOps, type OpenFile, readFully, writeFully } from '@annulus/storage'

import { hashChunkSlots } from './id-index.js'
import { limits } from './limits.js'
import { SlotSet } from './slot-set.js'
import { idChunkSlots, SlotTable } from './slot-table.js'

const magic = 'ANNSLOTS'
const version = 2
const headerBytes = 40
const chunkBytes = 4 + idChunkSlots * 8 + 4

export interface SlotSnapshotKey {
  readonly collection: number
  readonly sequence: number
}

/** The table as it is now, to be written later: the bitmap is copied, ids never change. */
export function captureSlots(table: SlotTable, key: SlotSnapshotKey): () => Iterable<Buffer> {
  const { slots } = table
  const live = table.live.words.slice(0, Math.ceil(slots / 32))
  const chunks = idChunks(table)
  const hashes = hashChunks(table)
  return () => encode(live, chunks, hashes, slots, key)
}

/** Writes a snapshot that does not exist yet and syncs it. */
export async function saveSlots(
  path: string,
  parts: Iterable<Buffer>,
  files: FileOps,
): Promise<void> {
  const file = await files.open(path, 'create')
  try {
    let position = 0
    for (const part of parts) {
      await writeFully(file, part, position)
      position += part.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @throws AnnulusError `ANNULUS_CORRUPT` unless the file is whole and belongs to `key`. */
export async function loadSlots(
  path: string,
  key: SlotSnapshotKey,
  files: FileOps,
): Promise<SlotTable> {
  const file = await files.open(path, 'read')
  try {
    const header = await checkedPart(file, 0, headerBytes, path)
    if (header.toString('latin1', 0, 8) !== magic) throw corrupt(path, 'is not a slot table')
    if (header.readUInt32LE(8) !== version) throw corrupt(path, 'has an unknown version')
    if (header.readUInt32LE(12) !== key.collection || header.readDoubleLE(16) !== key.sequence) {
      throw corrupt(path, 'belongs to another state')
    }
    const slots = header.readDoubleLE(24)
    const chunks = header.readUInt32LE(32)
    if (!Number.isInteger(slots) || slots < 0 || slots > limits.slotsMax) {
      throw corrupt(path, 'has an impossible number of slots')
    }
    return await readTable(file, slots, chunks, path)
  } finally {
    await file.close()
  }
}

async function readTable(file: OpenFile, slots: number, chunks: number, path: string) {
  const words = Math.ceil(slots / 32)
  const idsEnd = headerBytes + words * 4 + 4 + chunks * chunkBytes
  const expected = idsEnd + slots * 4 + Math.ceil(slots / hashChunkSlots) * 4
  if ((await file.size()) !== expected) throw corrupt(path, 'has a wrong length')
  const bitmap = await checkedPart(file, headerBytes, words * 4 + 4, path)
  const live = new Uint32Array(words)
  new Uint8Array(live.buffer).set(bitmap.subarray(0, words * 4))
  const past = slots % 32
  if (past > 0 && (live[words - 1] ?? 0) >>> past !== 0) {
    throw corrupt(path, 'has live slots past its last')
  }
  const table = new SlotTable(slots, SlotSet.from(live))
  const first = headerBytes + words * 4 + 4
  for (let position = first; position < idsEnd; position += chunkBytes) {
    const chunk = await checkedPart(file, position, chunkBytes, path)
    const index = chunk.readUInt32LE(0)
    if (index * idChunkSlots >= slots) throw corrupt(path, 'has ids past its last slot')
    const ids = new Float64Array(idChunkSlots)
    new Uint8Array(ids.buffer).set(chunk.subarray(4, chunkBytes - 4))
    table.setIdChunk(index, ids)
  }
  await readHashes(file, table, idsEnd, path)
  return table
}

async function readHashes(
  file: OpenFile,
  { slots, live, ids }: SlotTable,
  start: number,
  path: string,
) {
  let position = start
  ids.reserve(live.size)
  for (let first = 0; first < slots; first += hashChunkSlots) {
    const bytes = 4 * Math.min(hashChunkSlots, slots - first)
    const part = await checkedPart(file, position, bytes + 4, path)
    const hashes = new Uint32Array(hashChunkSlots)
    new Uint8Array(hashes.buffer).set(part.subarray(0, bytes))
    ids.restoreChunk(first / hashChunkSlots, hashes, live)
    position += bytes + 4
  }
}

function idChunks(table: SlotTable): [number, Float64Array][] {
  const chunks: [number, Float64Array][] = []
  for (let index = 0; index * idChunkSlots < table.slots; index++) {
    const chunk = table.idChunk(index)
    if (chunk !== undefined) chunks.push([index, chunk])
  }
  return chunks
}

/** Also of slots that never had a point, so that the length follows from the number of slots. */
function hashChunks({ slots, ids }: SlotTable): Uint32Array[] {
  return Array.from({ length: Math.ceil(slots / hashChunkSlots) }, (_, index) => {
    return ids.chunk(index) ?? new Uint32Array(hashChunkSlots)
  })
}

function* encode(
  live: Uint32Array,
  chunks: readonly [number, Float64Array][],
  hashes: readonly Uint32Array[],
  slots: number,
  key: SlotSnapshotKey,
): Generator<Buffer> {
  const header = Buffer.alloc(headerBytes)
  header.write(magic, 0, 'latin1')
  header.writeUInt32LE(version, 8)
  header.writeUInt32LE(key.collection, 12)
  header.writeDoubleLE(key.sequence, 16)
  header.writeDoubleLE(slots, 24)
  header.writeUInt32LE(chunks.length, 32)
  yield withChecksum(header)
  const bitmap = Buffer.alloc(live.byteLength + 4)
  bitmap.set(new Uint8Array(live.buffer, live.byteOffset, live.byteLength))
  yield withChecksum(bitmap)
  for (const [index, ids] of chunks) {
    const chunk = Buffer.alloc(chunkBytes)
    chunk.writeUInt32LE(index, 0)
    chunk.set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), 4)
    // Slots handed out after the capture are not part of it.
    const known = slots - index * idChunkSlots
    if (known < idChunkSlots) chunk.fill(nanBytes, 4 + known * 8, chunkBytes - 4)
    yield withChecksum(chunk)
  }
  for (const [index, chunk] of hashes.entries()) {
    const known = chunk.subarray(0, Math.min(hashChunkSlots, slots - index * hashChunkSlots))
    const part = Buffer.alloc(known.byteLength + 4)
    part.set(new Uint8Array(known.buffer, known.byteOffset, known.byteLength))
    yield withChecksum(part)
  }
}

const nanBytes = Buffer.from(Float64Array.of(Number.NaN).buffer)

function withChecksum(part: Buffer): Buffer {
  part.writeUInt32LE(crc32c(part.subarray(0, -4)), part.length - 4)
  return part
}

async function checkedPart(
  file: OpenFile,
  position: number,
  bytes: number,
  path: string,
): Promise<Buffer> {
  const part = Buffer.allocUnsafeSlow(bytes)
  if ((await readFully(file, part, position)) < bytes) throw corrupt(path, 'is truncated')
  if (part.readUInt32LE(bytes - 4) !== crc32c(part.subarray(0, -4))) {
    throw corrupt(path, 'does not match its checksum')
  }
  return part
}

function corrupt(path: string, what: string): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `the slot table ${path} ${what}`, {
    details: { file: path },
  })
}
