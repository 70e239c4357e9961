// The failure latch of a database: after a failed write nobody knows what the disk holds, and a second
// fsync may succeed without the data, so no further write is tried until the database is reopened.
import { AnnulusError } from '@annulus/native'

export class Latch {
  #failure: { readonly cause: unknown } | undefined

  get tripped(): boolean {
    return this.#failure !== undefined
  }

  /** @throws AnnulusError `ANNULUS_LATCHED` with the first failure as its cause. */
  check(): void {
    if (this.#failure === undefined) return
    throw new AnnulusError(
      'ANNULUS_LATCHED',
      'an earlier write failed; reopen the database to write again',
      { cause: this.#failure.cause },
    )
  }

  /** Passes on the outcome of a write; a failure trips the latch. */
  async guard<T>(write: Promise<T>): Promise<T> {
    try {
      return await write
    } catch (cause) {
      this.#failure ??= { cause }
      throw cause
    }
  }
}
