// What LMDB trusts in its file and we do not, and what its messages mean.
import { AnnulusError } from '@annulus/native'
import { type FileOps, readFully } from '@annulus/storage'

const headerBytes = 24
const magic = 0xbeefc0de
const version = 2
const metaBytes = headerBytes + 136
const fileBytesMax = 2 ** 44

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
  if (size === 0) return
  const file = await files.open(path, readOnly ? 'read' : 'write')
  try {
    const first = await readMeta(file, 0)
    const second = await readMeta(file, first.pageBytes)
    const newest = first.transaction >= second.transaction ? first : second
    const needed = (newest.lastPage + 1) * newest.pageBytes
    if (needed > fileBytesMax) throw corrupt(path, 'has a damaged header')
    if (size >= needed) return
    if (readOnly) throw corrupt(path, 'is truncated; open it once for writing')
    await file.truncate(needed)
  } finally {
    await file.close()
  }

  async function readMeta(from: typeof file, position: number) {
    const page = Buffer.alloc(metaBytes)
    if ((await readFully(from, page, position)) < metaBytes) throw corrupt(path, 'is truncated')
    if (page.readUInt32LE(headerBytes) !== magic) throw corrupt(path, 'is not an LMDB file')
    if (page.readUInt32LE(headerBytes + 4) !== version) {
      throw new AnnulusError('ANNULUS_VERSION', `${path} has another LMDB format than ${version}`)
    }
    const pageBytes = page.readUInt32LE(headerBytes + 24)
    if (pageBytes < 512 || pageBytes > 65_536) throw corrupt(path, 'has a damaged header')
    return {
      pageBytes,
      lastPage: Number(page.readBigUInt64LE(headerBytes + 120)),
      transaction: Number(page.readBigUInt64LE(headerBytes + 128)),
    }
  }
}

function corrupt(path: string, what: string): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path} ${what}`, { details: { path } })
}

export function lmdbError(cause: unknown, action: string, path?: string): AnnulusError {
  if (cause instanceof AnnulusError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  const details = path === undefined ? { action } : { action, path }
  if (/MDB_(INVALID|CORRUPTED|PAGE_NOTFOUND|BAD_TXN|PANIC)/.test(message)) {
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
