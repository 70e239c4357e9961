/** What a check of the graph found. Everything but the first two should be 0. */
export interface CheckReport {
  /** Nodes with links, removed ones included. */
  readonly nodes: number
  readonly links: number
  /** Sum of all that breaks an invariant: the counts below. */
  readonly violations: number
  readonly selfLinks: number
  readonly duplicateLinks: number
  /** Links to slots without links of their own, or above their level. */
  readonly danglingLinks: number
  /** Links of the tree that keeps all within reach which only one end holds. */
  readonly unpairedTreeLinks: number
  /** Words behind the end of a list that are not empty. */
  readonly linksBehindEnd: number
  /** Levels that do not follow from seed and slot. */
  readonly wrongLevels: number
  readonly wrongCounters: number
  /** 1 when the entry point is missing, unlinked or not of the highest level. */
  readonly badEntry: number
  /** Live nodes that no path from the entry point reaches. */
  readonly unreachable: number
}
