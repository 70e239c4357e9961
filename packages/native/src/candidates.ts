/** Slots with their ranking distances, nearest first. Both arrays have the same length. */
export interface Candidates {
  readonly slots: Uint32Array
  readonly distances: Float32Array
}
