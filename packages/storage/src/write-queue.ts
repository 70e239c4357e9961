// One write or flush at a time, and the failure latch: after one failed, nothing else is tried, for
// the state of the disk is then unknown (a second fsync may succeed and still have lost the data).
import { AnnulusError } from '@annulus/native'

export class WriteQueue {
  readonly #name: string
  readonly #readOnly: boolean
  #tail: Promise<void> = Promise.resolve()
  #flush: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined
  #closed = false

  /**
   * @param name what is written, for messages
   * @param readOnly refuse everything
   */
  constructor(name: string, readOnly = false) {
    this.#name = name
    this.#readOnly = readOnly
  }

  /** Runs `check`, whose error changes nothing, then `io`, whose error latches. */
  write(check: () => void, io: () => Promise<void>): Promise<void> {
    this.#flush = undefined
    return this.#enqueue(check, io)
  }

  /** As `write`; a flush called with no write after the one before it shares that one's outcome. */
  flush(io: () => Promise<void>): Promise<void> {
    if (this.#closed || this.#flush === undefined) {
      const flush = this.#enqueue(() => {}, io)
      const forget = () => {
        if (this.#flush === flush) this.#flush = undefined
      }
      flush.then(forget, forget)
      this.#flush = flush
      return flush
    }
    return this.#flush
  }

  /** Refuses what comes later and waits for what is queued. */
  close(): Promise<void> {
    this.#closed = true
    return this.#tail
  }

  #enqueue(check: () => void, io: () => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(closedError(this.#name))
    if (this.#readOnly) return Promise.reject(readOnlyError(this.#name))
    const outcome = this.#tail.then(async () => {
      if (this.#failure !== undefined) throw this.#latched(this.#failure.cause)
      check()
      try {
        await io()
      } catch (cause) {
        this.#failure = { cause }
        throw cause
      }
    })
    this.#tail = outcome.catch(() => {})
    return outcome
  }

  #latched(cause: unknown): AnnulusError {
    return new AnnulusError(
      'ANNULUS_LATCHED',
      `${this.#name}: refused because an earlier write or flush failed; reopen to recover`,
      { cause },
    )
  }
}

function readOnlyError(name: string): AnnulusError {
  return new AnnulusError('ANNULUS_READ_ONLY', `${name} was opened with readOnly`)
}

export function closedError(name: string): AnnulusError {
  return new AnnulusError('ANNULUS_CLOSED', `${name} is closed`)
}
