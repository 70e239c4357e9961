// fvecs and bvecs: each row is a little-endian int32 dimension, then that many float32 or uint8.
import { type FileHandle, open } from 'node:fs/promises'
import { limits } from '@annulus/core'
import { AnnulusError } from '@annulus/native'
import { fileError } from '@annulus/storage'
import type { ImportedRow } from './rows.js'

const blockBytes = 1 << 20

/** Reads the rows of an fvecs or bvecs file in order, about 1 MiB at a time. */
export async function* readRecords(
  path: string,
  componentBytes: 1 | 4,
): AsyncGenerator<ImportedRow> {
  const file = await openFile(path)
  try {
    const { size } = await file.stat()
    if (size === 0) return
    const dimension = await readDimension(file, size, path)
    const recordBytes = 4 + dimension * componentBytes
    if (size % recordBytes !== 0) {
      throw damaged(path, Math.floor(size / recordBytes), 'the file ends inside a row')
    }
    const rows = size / recordBytes
    const rowsPerBlock = Math.max(1, Math.floor(blockBytes / recordBytes))
    for (let first = 0; first < rows; first += rowsPerBlock) {
      const count = Math.min(rowsPerBlock, rows - first)
      const block = await readAt(file, first * recordBytes, count * recordBytes, path)
      for (let row = 0; row < count; row++) {
        const start = row * recordBytes
        if (block.readInt32LE(start) !== dimension) {
          throw damaged(path, first + row, 'its dimension differs from the first row')
        }
        yield { vector: components(block, start + 4, dimension, componentBytes) }
      }
    }
  } finally {
    await file.close()
  }
}

/** Rows in an fvecs, bvecs or ivecs file (4-byte components but for bvecs) and their dimension. */
export async function recordShape(
  path: string,
  componentBytes: 1 | 4,
): Promise<{ rows: number; dimension: number }> {
  const file = await openFile(path)
  try {
    const { size } = await file.stat()
    if (size === 0) return { rows: 0, dimension: 0 }
    const dimension = await readDimension(file, size, path)
    return { rows: Math.floor(size / (4 + dimension * componentBytes)), dimension }
  } finally {
    await file.close()
  }
}

function openFile(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: unknown) => {
    throw fileError(cause, 'open', path)
  })
}

/** Dimension of the first row, and so of all. */
async function readDimension(file: FileHandle, size: number, path: string): Promise<number> {
  if (size < 4) throw damaged(path, 0, 'the file ends inside a row')
  const dimension = (await readAt(file, 0, 4, path)).readInt32LE(0)
  if (dimension >= 1 && dimension <= limits.dimensionMax) return dimension
  throw damaged(path, 0, `dimension ${dimension}`)
}

function components(
  block: Buffer,
  start: number,
  dimension: number,
  componentBytes: 1 | 4,
): Float32Array {
  if (componentBytes === 1) return Float32Array.from(block.subarray(start, start + dimension))
  const copy = block.buffer.slice(
    block.byteOffset + start,
    block.byteOffset + start + dimension * 4,
  )
  return new Float32Array(copy)
}

async function readAt(
  file: FileHandle,
  position: number,
  length: number,
  path: string,
): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done)
    if (bytesRead === 0) throw damaged(path, 0, 'the file became shorter while it was read')
    done += bytesRead
  }
  return buffer
}

function damaged(path: string, row: number, what: string): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path}, row ${row}: ${what}`, {
    details: { path, row },
  })
}
