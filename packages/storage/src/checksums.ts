// CRC32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720 and the SSE4.2 instruction.

const table = new Uint32Array(256).map((_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/** CRC32C of the bytes, continuing from `seed` (0, or the CRC32C of what precedes them). */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[i] as number)) & 0xff] as number)
  }
  return ~crc >>> 0
}

/** CRC32C of each of n × dimension floats, seeded with its slot number. */
export function checksumVectors(
  vectors: Float32Array,
  dimension: number,
  firstSlot: number,
): Uint32Array {
  const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)
  const sums = new Uint32Array(vectors.length / dimension)
  for (let i = 0; i < sums.length; i++) {
    sums[i] = crc32c(bytes.subarray(i * dimension * 4, (i + 1) * dimension * 4), firstSlot + i)
  }
  return sums
}
