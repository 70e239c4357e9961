// Recall of many beams over a sample of queries, and what can be said of it with confidence.
import { type CalibratedBeam, calibratedRecalls, type RecallTable } from './calibration.js'

/** Beams that are tried. */
export const beamWidths = [
  10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024, 2048,
] as const
/** Candidates rescored, per result, that are tried. */
const oversamplings = [1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8, 12, 16, 24, 32] as const
/** One-sided 95 %. */
const z = 1.645
/** What bounded rescoring may lose beside. */
const boundedLoss = 0.001

/** Sums over queries for one beam and oversampling. */
interface Cell {
  sum: number
  squares: number
}

export class RecallSample {
  readonly #limit: number
  readonly #cells: Cell[][]
  #queries = 0

  constructor(limit: number) {
    this.#limit = limit
    this.#cells = beamWidths.map(() => oversamplings.map(() => ({ sum: 0, squares: 0 })))
  }

  get queries(): number {
    return this.#queries
  }

  get limit(): number {
    return this.#limit
  }

  /** Takes a query, of its `limit` true results, ties included, and of what ever wider beams have found. */
  add(truth: ReadonlySet<number>, beams: readonly Uint32Array[]): void {
    this.#queries++
    for (const [row, cells] of this.#cells.entries()) {
      // Wider beams than those tried find what the widest tried has found: all of it.
      const found = beams[Math.min(row, beams.length - 1)] ?? new Uint32Array()
      const recalls = this.#recalls(truth, found)
      for (const [column, cell] of cells.entries()) {
        const recall = recalls[column] ?? 0
        cell.sum += recall
        cell.squares += recall * recall
      }
    }
  }

  /** For each recall sought the narrowest beam, and the fewest candidates of it, that surely reach it. */
  table(): RecallTable {
    const beams = calibratedRecalls.map((recall) => this.#beam(recall))
    return { limit: this.#limit, beams }
  }

  /** Of each number of candidates the share of the true results among them. */
  #recalls(truth: ReadonlySet<number>, found: Uint32Array): number[] {
    let rank = 0
    let hits = 0
    return oversamplings.map((oversampling) => {
      const candidates = Math.min(found.length, Math.ceil(oversampling * this.#limit))
      for (; rank < candidates; rank++) if (truth.has(found[rank] ?? -1)) hits++
      return Math.min(1, hits / this.#limit)
    })
  }

  #beam(recall: number): CalibratedBeam {
    const wanted = recall + boundedLoss
    for (const [row, cells] of this.#cells.entries()) {
      const ef = beamWidths[row] ?? 0
      if (ef < this.#limit) continue
      const column = cells.findIndex((cell) => this.#atLeast(cell) >= wanted)
      const oversampling = oversamplings[column]
      if (oversampling !== undefined) return { recall, ef, oversampling, reached: true }
    }
    const widest = this.#cells.at(-1)?.at(-1) ?? { sum: 0, squares: 0 }
    return {
      recall: Math.max(0, this.#atLeast(widest) - boundedLoss),
      ef: beamWidths.at(-1) ?? 0,
      oversampling: oversamplings.at(-1) ?? 1,
      reached: false,
    }
  }

  /**
   * Lower end of the confidence interval of a mean recall (Wilson, "Probable Inference, the Law of Succession, and
   * Statistical Inference", JASA 1927), for as many independent results as the scatter between queries leaves.
   */
  #atLeast({ sum, squares }: Cell): number {
    const queries = this.#queries
    if (queries === 0) return 0
    const mean = sum / queries
    const scatter = Math.max(0, squares / queries - mean * mean)
    const independent = (mean * (1 - mean)) / this.#limit
    const effect = independent > 0 ? Math.max(1, scatter / independent) : 1
    const n = (queries * this.#limit) / effect
    const centre = mean + (z * z) / (2 * n)
    const spread = z * Math.sqrt((mean * (1 - mean)) / n + (z * z) / (4 * n * n))
    return (centre - spread) / (1 + (z * z) / n)
  }
}
