/** What a graph holds and what it costs. */
export interface GraphStats {
  /** Live nodes. */
  readonly nodes: number
  /** Removed nodes that are still traversed. */
  readonly removed: number
  /** Level of the entry point. */
  readonly maxLevel: number
  readonly m: number
  readonly efConstruct: number
  /** Bytes of links, levels and states. */
  readonly linkBytes: number
  /** Bytes kept for searches and insertions to come (those of running ones not counted). */
  readonly scratchBytes: number
  /** All of it. */
  readonly bytes: number
}
