import type { Candidates, Metric, ScorerHandle, SourceHandle } from '@annulus/native'

export interface EncodeOptions {
  readonly signal?: AbortSignal
}

export interface ScanOptions {
  /** How many nearest codes are wanted, at least 1. */
  readonly k: number
  /** Bitmap of the slots to look at: bit `s % 32` of word `s / 32`. Default: all slots. */
  readonly allowed?: Uint32Array
  /** First slot to look at. Default 0. */
  readonly from?: number
  /** One past the last slot to look at. Default: all that are encoded. */
  readonly to?: number
  /** Begins only when no other work waits for the pool, as is right for a range of few MiB. Default false. */
  readonly background?: boolean
  readonly signal?: AbortSignal
}

export interface SaveOptions {
  readonly signal?: AbortSignal
}

/** How vectors encoded since the codes were trained or loaded fit the codebook. */
export interface CodeFit {
  /** Vectors that were looked at, one of eight. */
  readonly looked: number
  /** Those of them that lie unusually far from what their codes stand for. */
  readonly beyond: number
  /** Share of the training sample that lies as far. */
  readonly expected: number
}

/**
 * Codes of vectors in memory, addressed by slot, with the codebook they were made with.
 *
 * Searches may run while vectors are appended. A slot that is encoded anew while a search looks at it
 * may give that search a distance that belongs to neither vector.
 */
export interface Codes {
  readonly kind: string
  readonly dimension: number
  readonly metric: Metric
  /** Memory of one vector: its code, padding and correction terms. */
  readonly bytesPerVector: number
  /** What training found (for `scalar`: `quantile`, `low`, `high`, `step`). */
  readonly parameters: Readonly<Record<string, number>>
  /** One past the highest encoded slot. */
  readonly slots: number
  /** Memory in use, that of codes still to be loaded and of sketches included. */
  readonly bytes: number
  /** How many of the codes are in memory, all only once they are checked; left out: all. */
  readonly loaded?: number
  /** Undefined where the codes do not know. */
  readonly fit?: CodeFit | undefined

  /**
   * Encodes n × dimension floats, as the user gave them: into the slots from a first one on, or each
   * into its own of a strictly ascending list. Encoding a slot anew is allowed, leaving out one above
   * `this.slots` is not. Calls take effect in the order they were made. What is passed must not
   * change until the promise has settled.
   *
   * @throws AnnulusError `ANNULUS_INVALID_VECTOR` naming the slot when a value is not finite
   * (nothing is encoded then), `ANNULUS_DIMENSION`, `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_LIMIT`.
   */
  encode(slots: number | Uint32Array, vectors: Float32Array, options?: EncodeOptions): Promise<void>

  /** The vector that a slot's code stands for; normalised for cosine. */
  decode(slot: number): Float32Array

  /** The native table by which a graph computes distances. Stays valid after `close`. */
  scorer(): ScorerHandle

  /**
   * The codes as a native source of candidates that looks at every allowed slot. Where they are 2,048 or more of at least 512
   * bytes each (kinds `scalar` and `none`, but for manhattan), it passes over those that a short sketch tells to be too far
   * away: a code that should be among the candidates is missed with a probability of at most 3.2e-5. `scan` misses none.
   */
  source(): SourceHandle

  /**
   * Sketches are made as sources come by, 64 bytes for each code (fewer below 384 components), until they take
   * so many bytes. Default: no limit. A limit lowered keeps what there is; 0 at the start forbids them.
   */
  limitSketches?(bytes: number): void

  /**
   * The `k` nearest codes of a range of slots, nearest first, ties by the lower slot; fewer when
   * there are fewer. Looks at every allowed slot, on all threads of the pool when there are many.
   * The query is copied; `allowed` must not change until the promise has settled.
   */
  scan(query: Float32Array, options: ScanOptions): Promise<Candidates>

  /**
   * Writes codes and codebook to a checksummed file that appears whole or not at all. Encoding waits
   * until it is written.
   */
  save(path: string, options?: SaveOptions): Promise<void>

  /**
   * Reads into memory and checks what `loadCodes` has left for later; encoding, scanning and saving wait for it and
   * begin it. All calls get the same promise. Left out where there is never anything to load.
   *
   * @throws AnnulusError as `loadCodes` does, `ANNULUS_CORRUPT` for any damage. Such codes are to be closed: they stay
   *   safe to use, but some distances may be wrong. `ANNULUS_CLOSED` when they are closed meanwhile.
   */
  load?(): Promise<void>

  /** Gives the memory back once what is running has ended. Idempotent. */
  close(): void
}
