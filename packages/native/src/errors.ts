/** Every code an {@link AnnulusError} can carry. Codes are stable; each is explained in `docs/errors.md`. */
export type ErrorCode =
  | 'ANNULUS_ABORTED'
  | 'ANNULUS_CLOSED'
  | 'ANNULUS_CORRUPT'
  | 'ANNULUS_DIMENSION'
  | 'ANNULUS_DUPLICATE_ID'
  | 'ANNULUS_EXISTS'
  | 'ANNULUS_FULL'
  | 'ANNULUS_INTERNAL'
  | 'ANNULUS_INVALID_ARGUMENT'
  | 'ANNULUS_INVALID_ID'
  | 'ANNULUS_INVALID_VECTOR'
  | 'ANNULUS_IO'
  | 'ANNULUS_LATCHED'
  | 'ANNULUS_LIMIT'
  | 'ANNULUS_LOCKED'
  | 'ANNULUS_MEMORY_BUDGET'
  | 'ANNULUS_NOT_FOUND'
  | 'ANNULUS_OUT_OF_MEMORY'
  | 'ANNULUS_OUT_OF_RANGE'
  | 'ANNULUS_PERMISSION'
  | 'ANNULUS_READ_ONLY'
  | 'ANNULUS_UNKNOWN_OPTION'
  | 'ANNULUS_UNSUPPORTED'
  | 'ANNULUS_VERSION'
  | 'ANNULUS_ZERO_VECTOR'

export interface ErrorOptions {
  /** What led to this error. */
  cause?: unknown
  /** Facts a program can act on: file, slot, field, expected and actual values. */
  details?: Readonly<Record<string, unknown>>
}

/** The one error class of Annulus. Act on `code`; `message` says what was wrong and what to do. */
export class AnnulusError extends Error {
  override readonly name: string = 'AnnulusError'
  readonly code: ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
  }
}

/** Thrown when the caller's signal aborted the operation; `cause` is the signal's reason. */
export class AbortError extends AnnulusError {
  override readonly name = 'AbortError'

  constructor(reason: unknown) {
    super('ANNULUS_ABORTED', 'the operation was aborted', { cause: reason })
  }
}
