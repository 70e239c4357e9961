// Checksums of the small records in LMDB, which has none of its own.
import { AnnulusError, crc32c } from '@annulus/native'

/** Bytes that a seal adds in front of the content. */
export const sealBytes = 4

/** Writes the CRC-32C of the content into the first four bytes. Returns the same buffer. */
export function seal(record: Buffer): Buffer {
  record.writeUInt32LE(crc32c(record.subarray(sealBytes)), 0)
  return record
}

/** A sealed copy of `content`. */
export function sealed(content: Uint8Array): Buffer {
  const record = Buffer.allocUnsafeSlow(sealBytes + content.length)
  record.set(content, sealBytes)
  return seal(record)
}

/**
 * The content of a sealed value, as a view.
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` naming `what` when the checksum does not fit.
 */
export function unseal(record: Buffer, what: string): Buffer {
  if (record.length < sealBytes || record.readUInt32LE(0) !== crc32c(record.subarray(sealBytes))) {
    throw new AnnulusError('ANNULUS_CORRUPT', `${what} does not match its checksum`, {
      details: { record: what },
    })
  }
  return record.subarray(sealBytes)
}
