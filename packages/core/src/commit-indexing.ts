// What the index does within a commit: codes before it is visible, links too where searches would have to scan
// without them; and what it makes of the commit afterwards.
import type { Pace } from '@annulus/hnsw'
import { AbortError, type AnnulusError } from '@annulus/native'
import { asAnnulusError } from './background-error.js'
import type { Generation } from './generation.js'
import type { Committed } from './write-plan.js'

/** What is ready of a commit before it is visible. */
export interface IndexedAhead {
  /** Those that have the codes. */
  readonly encoded: readonly Generation[]
  /** The one that has the links as well, hidden. */
  readonly linked: Generation | undefined
  readonly slots: Uint32Array
}

export interface CommitIndexingOptions {
  /** Slots there are before the commit. */
  readonly slots: () => number
  /** The index in use, if any, and the one that will replace it. */
  readonly generations: () => readonly Generation[]
  /** Whether the graph in use is searched, so that what it lacks is better linked before it is visible. */
  readonly isSearched: () => boolean
  readonly onEncoded: () => void
  readonly onError: (error: AnnulusError) => void
  readonly signal: AbortSignal
}

export class CommitIndexing {
  readonly #options: CommitIndexingOptions

  constructor(options: CommitIndexingOptions) {
    this.#options = options
  }

  /** Encodes vectors about to be committed to these slots, where the index has come that far. */
  async encode(slots: Uint32Array, vectors: Float32Array): Promise<readonly Generation[]> {
    const { generations, onEncoded, onError } = this.#options
    const current = generations().filter(
      (each) =>
        slots.length > 0 &&
        !each.saving &&
        each.encoded === this.#options.slots() &&
        // Writers do not wait for that.
        !each.isLoading,
    )
    try {
      // All have ended when this does: the vectors' memory is used again.
      const outcomes = await Promise.allSettled(current.map((each) => each.encode(slots, vectors)))
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      onEncoded()
      return current
    } catch (cause) {
      onError(asAnnulusError(cause))
      return []
    }
  }

  /**
   * Links slots whose codes are there, unless nobody searches: then it is done in the background, after
   * the commit. `committed` or `withdraw` must follow, for nothing is saved meanwhile.
   */
  async link(
    slots: Uint32Array,
    encoded: readonly Generation[],
    pace: Pace,
  ): Promise<IndexedAhead> {
    const { generations, isSearched, onError, signal } = this.#options
    const [inUse] = generations()
    const isWanted = slots.length > 0 && isSearched()
    if (!isWanted || inUse?.graph === undefined || !encoded.includes(inUse) || inUse.saving) {
      return { encoded, linked: undefined, slots }
    }
    const { graph } = inUse
    inUse.beginHiding()
    try {
      await inUse.use(() => graph.insert(slots, { hidden: true, pace, signal }))
    } catch (cause) {
      // Whatever is not linked will be, in the background.
      if (!(cause instanceof AbortError)) onError(asAnnulusError(cause))
    }
    return { encoded, linked: inUse, slots }
  }

  /** Takes note of a commit that is visible now, and of what was ready of it. */
  committed({ from, end, reused, removed }: Committed, { encoded, linked, slots }: IndexedAhead) {
    for (const generation of this.#options.generations()) {
      const hasCodes = encoded.includes(generation)
      if (hasCodes) generation.encoded = end
      if (reused.length > 0) generation.reassign(reused, hasCodes)
      if (generation === linked) generation.reveal(slots, from, end)
      generation.remove(removed)
    }
    linked?.endHiding()
  }

  /** The commit failed, so that nothing will be written any more: what it has linked stays hidden. */
  withdraw({ linked }: IndexedAhead): void {
    linked?.endHiding()
  }
}
