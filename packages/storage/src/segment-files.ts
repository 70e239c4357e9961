// Creating and reading the files of one segment. A file under its final name is always complete:
// it is made under a temporary name, synced, renamed, and the directory synced. The checksums come
// first, so that a segment without them is damage and never a crash.

import { join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import { type FileOps, type OpenFile, readFully, writeFully } from './file-ops.js'
import { decodeHeader, encodeHeader, type FileKind, type Header } from './header.js'
import { pageBytes, segmentName } from './layout.js'
import type { Segment, SegmentLayout } from './segments.js'

export const temporarySuffix = '.tmp'

/** A segment with what only the writer needs. */
export interface StoredSegment extends Segment {
  readonly checksumPath: string
}

/** Opens a file for the length of `use`. */
export async function withFile<T>(
  files: FileOps,
  path: string,
  mode: 'read' | 'write' | 'create',
  use: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await files.open(path, mode)
  let result: T
  try {
    result = await use(file)
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  await file.close()
  return result
}

async function createFile(
  files: FileOps,
  directory: string,
  header: Header,
  length: number,
): Promise<string> {
  const path = join(directory, segmentName(header.number, header.kind))
  const temporary = path + temporarySuffix
  await withFile(files, temporary, 'create', async (file) => {
    await writeFully(file, encodeHeader(header), 0)
    await file.truncate(length)
    await file.sync()
  })
  await files.rename(temporary, path)
  await files.syncDirectory(directory)
  return path
}

export async function createSegment(
  files: FileOps,
  directory: string,
  storeId: string,
  layout: SegmentLayout,
  number: number,
): Promise<StoredSegment> {
  const header = { storeId, number, layout }
  const checksumPath = await createFile(files, directory, { ...header, kind: 'crc' }, pageBytes)
  const path = await createFile(files, directory, { ...header, kind: 'seg' }, layout.segmentBytes)
  return { number, path, checksumPath, checksums: new Uint32Array(layout.slotsPerSegment) }
}

/** Damage of a file that recovery found. */
export function damage(
  path: string,
  what: string,
  details: Readonly<Record<string, unknown>> = {},
): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path}: ${what}`, { details: { path, ...details } })
}

/** Reads and checks the header page of an open file. */
export async function readHeader(file: OpenFile, kind: FileKind): Promise<Header> {
  const page = Buffer.alloc(pageBytes)
  const length = await readFully(file, page, 0)
  return decodeHeader(page.subarray(0, length), kind, file.path)
}
