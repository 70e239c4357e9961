import { AnnulusError, type ErrorCode } from '@annulus/native'

/** What was being done to a file when it failed. */
export type FileOperation =
  | 'close'
  | 'list'
  | 'lock'
  | 'make directory'
  | 'open'
  | 'read'
  | 'remove'
  | 'rename'
  | 'stat'
  | 'sync'
  | 'sync directory'
  | 'truncate'
  | 'write'

const codes = new Map<string | undefined, ErrorCode>([
  ['EACCES', 'ANNULUS_PERMISSION'],
  ['EPERM', 'ANNULUS_PERMISSION'],
  ['EROFS', 'ANNULUS_PERMISSION'],
  ['ENOSPC', 'ANNULUS_FULL'],
  ['EDQUOT', 'ANNULUS_FULL'],
  ['EFBIG', 'ANNULUS_LIMIT'],
  ['EMFILE', 'ANNULUS_LIMIT'],
  ['ENFILE', 'ANNULUS_LIMIT'],
  ['ENOLCK', 'ANNULUS_LIMIT'],
  ['ENOMEM', 'ANNULUS_OUT_OF_MEMORY'],
  ['ENOENT', 'ANNULUS_NOT_FOUND'],
  ['EEXIST', 'ANNULUS_EXISTS'],
  ['ENOTDIR', 'ANNULUS_INVALID_ARGUMENT'],
  ['EISDIR', 'ANNULUS_INVALID_ARGUMENT'],
  ['ELOOP', 'ANNULUS_INVALID_ARGUMENT'],
  ['ENAMETOOLONG', 'ANNULUS_INVALID_ARGUMENT'],
  ['ERR_INVALID_ARG_VALUE', 'ANNULUS_INVALID_ARGUMENT'],
  ['ENOSYS', 'ANNULUS_UNSUPPORTED'],
  ['EOPNOTSUPP', 'ANNULUS_UNSUPPORTED'],
  ['ENOTSUP', 'ANNULUS_UNSUPPORTED'],
  ['EAGAIN', 'ANNULUS_LOCKED'],
])

function errnoOf(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined
  return typeof cause.code === 'string' ? cause.code : undefined
}

/**
 * The AnnulusError for a failed file operation: `code` by errno (what is not listed is
 * `ANNULUS_IO`), `details` path, errno and operation. An AnnulusError comes back as it is.
 */
export function fileError(cause: unknown, operation: FileOperation, path: string): AnnulusError {
  if (cause instanceof AnnulusError) return cause
  const errno = errnoOf(cause)
  const code = codes.get(errno) ?? 'ANNULUS_IO'
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AnnulusError(code, `${operation} failed on ${path}: ${reason}`, {
    cause,
    details: { path, errno, operation },
  })
}
