// Long work in pieces, with rests between them that somebody else decides on.

/** How work in the background leaves room for everything else. */
export interface Pace {
  /** Milliseconds of CPU time, on all threads together, that the next piece may take. */
  readonly pieceMs: number
  /** Takes note of what a piece took. */
  spend(cpuMs: number): void
  /** Resolves when the next piece may begin; soon, once the signal is aborted. */
  rest(signal: AbortSignal | undefined): Promise<void>
}

declare const leftOfJob: unique symbol
/** What is left of native work after a piece; good for one call. */
export interface Left {
  readonly [leftOfJob]: true
}

export interface Piece {
  /** Milliseconds of CPU time it took on all threads. */
  readonly cpuMs: number
  /** Undefined after the last one. */
  readonly left?: Left
}

/**
 * Does native work to its end; without a pace in one piece.
 *
 * @param piece does a piece of so many milliseconds of CPU time (0: all) of what is left, at first of all
 * @returns the last piece
 */
export async function inPieces<T extends Piece>(
  pace: Pace | undefined,
  signal: AbortSignal | undefined,
  piece: (cpuMs: number, left: Left | undefined) => Promise<T>,
): Promise<T> {
  if (pace === undefined) return piece(0, undefined)
  let left: Left | undefined
  for (;;) {
    await pace.rest(signal)
    const done = await piece(pace.pieceMs, left)
    pace.spend(done.cpuMs)
    if (done.left === undefined) return done
    left = done.left
  }
}
