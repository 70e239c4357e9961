// Codes of the index in use that are still being read from their file, while the usual searches go on.
import { AnnulusError } from '@annulus/native'
import { orAborted } from './abort.js'
import { asAnnulusError } from './background-error.js'
import type { IndexingProgress } from './events.js'
import type { Generation } from './generation.js'

export interface CodesLoadingOptions {
  readonly onProgress: (progress: IndexingProgress) => void
  /** The generation in use turned out to be damaged: nobody may begin to use it any more. */
  readonly onCodesLost: (reason: AnnulusError) => void
}

export class CodesLoading {
  /** Settles, and never rejects, when all is in memory or lost; undefined when there is nothing to wait for. */
  done: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: CodesLoadingOptions, generation: Generation | undefined) {
    if (generation?.isLoading === true) this.done = this.#load(options, generation)
  }

  /** The job of waiting for it, if there is one. */
  job(signal: AbortSignal): (() => Promise<void>) | undefined {
    const { done } = this
    return done && (() => orAborted(done, signal))
  }

  async #load(options: CodesLoadingOptions, generation: Generation): Promise<void> {
    const { onProgress, onCodesLost } = options
    const total = generation.codes.slots
    onProgress({ phase: 'loading', done: 0, total })
    try {
      await generation.codes.load?.()
      onProgress({ phase: 'loading', done: total, total })
    } catch (cause) {
      // Closed with its generation, it is nobody's loss.
      if (!(cause instanceof AnnulusError && cause.code === 'ANNULUS_CLOSED')) {
        onCodesLost(asAnnulusError(cause))
        // Not waited for: those who use it may be waiting for this.
        this.#closed = generation.close()
      }
    }
    this.done = undefined
  }

  /** Once the generation in use is closed. */
  async close(): Promise<void> {
    await this.done
    await this.#closed
  }
}
