/** One row of an imported file. */
export interface ImportedRow {
  readonly vector: Float32Array
  /** Present where the format carries one (JSON Lines). */
  readonly id?: string | number
  readonly payload?: Record<string, unknown>
}
