// Who reads slots at the moment. A slot that died may be given to another point only when nobody who
// saw it alive is still reading.

/** Readers that began between two calls of `passed`. */
export interface Cohort {
  running: number
  left: (() => void) | undefined
}

export class Readers {
  #cohort: Cohort = { running: 0, left: undefined }
  #earlier: Promise<void> = Promise.resolve()
  readonly #pins = new Set<WeakRef<object>>()

  /** Runs work that looks at slots. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const cohort = this.enter()
    try {
      return await work()
    } finally {
      this.leave(cohort)
    }
  }

  /** Begins work that looks at slots; `leave` must follow. */
  enter(): Cohort {
    this.#cohort.running++
    return this.#cohort
  }

  leave(cohort: Cohort): void {
    if (--cohort.running === 0) cohort.left?.()
  }

  /** Resolves when all work that was running at the call has ended. */
  passed(): Promise<void> {
    const cohort = this.#cohort
    this.#cohort = { running: 0, left: undefined }
    const left = new Promise<void>((resolve) => {
      cohort.left = resolve
      if (cohort.running === 0) resolve()
    })
    this.#earlier = Promise.all([this.#earlier, left]).then(() => undefined)
    return this.#earlier
  }

  /**
   * Lets no slot get another point until `unpin`, or until nobody holds `token` any more. Commits in
   * hand have planned already: call it between two of them.
   */
  pin(token: object): void {
    this.#pins.add(new WeakRef(token))
  }

  unpin(token: object): void {
    for (const pin of this.#pins) if (pin.deref() === token) this.#pins.delete(pin)
  }

  get pinned(): boolean {
    for (const pin of this.#pins) if (pin.deref() === undefined) this.#pins.delete(pin)
    return this.#pins.size > 0
  }
}
