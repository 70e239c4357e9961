// Open, closing, closed: no call begins after close, and close waits for those that have begun.
import { AnnulusError } from '@annulus/native'

export class Lifetime {
  readonly #what: string
  #calls = 0
  #idle: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(what: string) {
    this.#what = what
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** @throws AnnulusError `ANNULUS_CLOSED` from the moment close was called. */
  check(): void {
    if (this.closed) throw new AnnulusError('ANNULUS_CLOSED', `${this.#what} is closed`)
  }

  /** Runs a call that close has to wait for. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    this.enter()
    try {
      return await call()
    } finally {
      this.leave()
    }
  }

  /** Begins a call that close has to wait for; `leave` must follow. */
  enter(): void {
    this.check()
    this.#calls++
  }

  leave(): void {
    if (--this.#calls === 0) this.#idle?.()
  }

  /** Resolves when no call is running any more. */
  async idle(): Promise<void> {
    if (this.#calls === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }

  /** Closes once; every further call gets the same promise. */
  close(release: () => Promise<void>): Promise<void> {
    this.#closing ??= release()
    return this.#closing
  }
}
