// What LMDB trusts in its file and we do not, and what its messages mean.
import { dirname, join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import { type FileOps, type OpenFile, readFully, writeFully } from '@annulus/storage'

const headerBytes = 24
const magic = 0xbeefc0de
const version = 2
/** A meta page's content is in its first sector, which a disk writes whole or not at all. */
const sectorBytes = 512
const usualPageBytes = 4096
const fileBytesMax = 2 ** 44

/** More than the meta pages that LMDB begins a file with. */
const roomBytes = 64 << 10

/**
 * LMDB maps its file and trusts it, so the two meta pages are looked at first. Pages past the end of
 * the file would kill the process with SIGBUS. A healthy file may lack its last pages (if they are
 * free), hence they are filled with zeros, which LMDB and our checksums tell from data.
 */
export async function checkLmdbFile(
  path: string,
  files: FileOps,
  readOnly: boolean,
): Promise<void> {
  const size = (await files.stat(path))?.size ?? 0
  if (!readOnly) await checkWritable(path, files, size === 0)
  if (size === 0) return
  const file = await files.open(path, readOnly ? 'read' : 'write')
  try {
    const pages = await readMetaPages(file)
    if (pages.every(isBeginning) && !(await hasCollections(path, files))) {
      // The power failed before the first commit: nothing was ever in it.
      if (readOnly) throw corrupt(path, 'was not completed; open it once for writing')
      return await file.truncate(0)
    }
    if (size < 2 * sectorBytes) throw corrupt(path, 'is truncated')
    const first = metaOf(pages[0], path)
    const second = metaOf(pages[1], path)
    if (!areNeighbours(first.transaction, second.transaction))
      throw corrupt(path, 'has a damaged header')
    const newest = first.transaction >= second.transaction ? first : second
    const needed = (newest.lastPage + 1) * newest.pageBytes
    if (needed > fileBytesMax) throw corrupt(path, 'has a damaged header')
    if (size >= needed) return
    if (readOnly) throw corrupt(path, 'is truncated; open it once for writing')
    await file.truncate(needed)
  } finally {
    await file.close()
  }
}

/** The heads of both meta pages; what the file lacks is zeros. */
async function readMetaPages(file: OpenFile): Promise<readonly [Buffer, Buffer]> {
  const first = Buffer.alloc(sectorBytes)
  await readFully(file, first, 0)
  const second = Buffer.alloc(sectorBytes)
  const pageBytes = first.readUInt32LE(headerBytes + 24)
  await readFully(file, second, isPageSize(pageBytes) ? pageBytes : usualPageBytes)
  return [first, second]
}

/** Never written, or as LMDB makes it before there is a commit. */
function isBeginning(page: Buffer): boolean {
  if (page.every((byte) => byte === 0)) return true
  return page.readUInt32LE(headerBytes) === magic && page.readBigUInt64LE(headerBytes + 128) === 0n
}

/** Whether anything can have been acknowledged. */
async function hasCollections(path: string, files: FileOps): Promise<boolean> {
  return (await files.stat(join(dirname(path), 'collections'))) !== undefined
}

function metaOf(page: Buffer, path: string) {
  if (page.readUInt32LE(headerBytes) !== magic) throw corrupt(path, 'is not an LMDB file')
  if (page.readUInt32LE(headerBytes + 4) !== version) {
    throw new AnnulusError('ANNULUS_VERSION', `${path} has another LMDB format than ${version}`)
  }
  const pageBytes = page.readUInt32LE(headerBytes + 24)
  if (!isPageSize(pageBytes)) throw corrupt(path, 'has a damaged header')
  return {
    pageBytes,
    lastPage: Number(page.readBigUInt64LE(headerBytes + 120)),
    transaction: Number(page.readBigUInt64LE(headerBytes + 128)),
  }
}

/** Even transactions write the first meta page and odd ones the second, none is left out. */
function areNeighbours(first: number, second: number): boolean {
  if (first === 0 && second === 0) return true
  return first % 2 === 0 && Math.abs(first - second) === 1
}

function isPageSize(bytes: number): boolean {
  return bytes >= 512 && bytes <= 65_536
}

/**
 * lmdb 3.5 frees memory twice when LMDB fails to open or create its files, so what makes it fail is
 * met before: no permission, no room, a disk that errs.
 */
async function checkWritable(path: string, files: FileOps, isNew: boolean): Promise<void> {
  const lock = `${path}-lock`
  if ((await files.stat(lock)) !== undefined) await (await files.open(lock, 'write')).close()
  if (!isNew) return
  const trial = `${path}.tmp`
  if ((await files.stat(trial)) !== undefined) await files.remove(trial)
  const file = await files.open(trial, 'create')
  try {
    await writeFully(file, new Uint8Array(roomBytes), 0)
    await file.sync()
  } finally {
    await file.close()
    await files.remove(trial)
  }
}

function corrupt(path: string, what: string): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path} ${what}`, { details: { path } })
}

export function lmdbError(cause: unknown, action: string, path?: string): AnnulusError {
  if (cause instanceof AnnulusError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const details = path === undefined ? { action } : { action, path }
  if (
    /MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|BAD_TXN|PANIC|BAD_VALSIZE|CURSOR_FULL|INCOMPATIBLE|PAGE_FULL)/.test(
      message,
    )
  ) {
    return new AnnulusError('ANNULUS_CORRUPT', `LMDB: ${message}`, { cause, details })
  }
  if (/VERSION_MISMATCH/.test(message)) {
    return new AnnulusError('ANNULUS_VERSION', `LMDB: ${message}`, { cause, details })
  }
  if (/No space left|MDB_MAP_FULL/.test(message)) {
    return new AnnulusError('ANNULUS_FULL', `LMDB: ${message}`, { cause, details })
  }
  if (/Permission denied|Read-only file system/.test(message)) {
    return new AnnulusError('ANNULUS_PERMISSION', `LMDB: ${message}`, { cause, details })
  }
  return new AnnulusError('ANNULUS_IO', `LMDB could not ${action}: ${message}`, { cause, details })
}
