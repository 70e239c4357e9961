// Notices that new vectors no longer fit the codes that were trained on older ones.
import type { CodeFit } from '@annulus/quantization'

export interface Drift {
  /** New vectors that were looked at since they began to differ. */
  readonly looked: number
  /** Share of them that lies unusually far from what their codes stand for. */
  readonly share: number
  /** Share of the vectors lying as far that training saw. */
  readonly expected: number
}

/**
 * Shares of unusual vectors, as multiples of what training saw, that the test tells apart: topics come in
 * batches and samples are small, so that three times the share is no alarm yet.
 */
const usual = 3
const unusual = 8
/** Log-likelihood ratio that is an alarm: under `usual` it is exceeded once in about e^20 vectors. */
const alarm = 20

/** A cumulative sum test (Page, "Continuous Inspection Schemes", Biometrika 1954) on shares of vectors. */
export class DriftTest {
  #seen: CodeFit | undefined
  #evidence = 0
  #looked = 0
  #beyond = 0
  #told = false

  /** Takes note of what was encoded since the last call; the drift when it is first certain. */
  observe(fit: CodeFit | undefined): Drift | undefined {
    if (fit === undefined || this.#told) return undefined
    const looked = fit.looked - (this.#seen?.looked ?? 0)
    const beyond = fit.beyond - (this.#seen?.beyond ?? 0)
    this.#seen = fit
    const [p, q] = [usual * fit.expected, unusual * fit.expected]
    this.#evidence += beyond * Math.log(q / p) + (looked - beyond) * Math.log((1 - q) / (1 - p))
    this.#looked += looked
    this.#beyond += beyond
    if (this.#evidence <= 0) {
      this.#evidence = 0
      this.#looked = 0
      this.#beyond = 0
    }
    if (this.#evidence < alarm) return undefined
    this.#told = true
    return {
      looked: this.#looked,
      share: this.#beyond / this.#looked,
      expected: fit.expected,
    }
  }
}
