// The best of many: merging and selecting candidates by distance.
import type { Candidates } from '@annulus/native'

/** Different slots by ascending distance; equal distances by ascending slot, so that answers are reproducible. */
export class Nearest {
  readonly #max: number
  #slots: number[] = []
  #distances: number[] = []
  #worst = Number.POSITIVE_INFINITY

  constructor(max: number) {
    this.#max = max
  }

  add(slots: Uint32Array, distances: Float32Array): void {
    for (let i = 0; i < slots.length; i++) {
      const distance = distances[i] ?? Number.POSITIVE_INFINITY
      if (distance > this.#worst) continue
      this.#slots.push(slots[i] ?? 0)
      this.#distances.push(distance)
      if (this.#slots.length >= 2 * this.#max + 16) this.#shrink()
    }
  }

  /** Distance of the last of the best; infinite while there are fewer than `max`. */
  get worst(): number {
    this.#shrink()
    return this.#worst
  }

  /** The best, nearest first. */
  candidates(): Candidates {
    this.#shrink()
    return { slots: Uint32Array.from(this.#slots), distances: Float32Array.from(this.#distances) }
  }

  #shrink(): void {
    const order = this.#slots.map((_, index) => index)
    order.sort(
      (a, b) =>
        (this.#distances[a] ?? 0) - (this.#distances[b] ?? 0) ||
        (this.#slots[a] ?? 0) - (this.#slots[b] ?? 0),
    )
    // A slot that is being linked may come from the graph and from the scan: it counts once.
    const seen = new Set<number>()
    const best: number[] = []
    for (const index of order) {
      if (best.length === this.#max) break
      const slot = this.#slots[index] ?? 0
      if (!seen.has(slot)) best.push(index)
      seen.add(slot)
    }
    this.#slots = best.map((index) => this.#slots[index] ?? 0)
    this.#distances = best.map((index) => this.#distances[index] ?? 0)
    if (best.length === this.#max) this.#worst = this.#distances[best.length - 1] ?? this.#worst
  }
}
