/** What a repair did. */
export interface RepairReport {
  /** Slots that may be encoded and inserted anew, ascending. */
  readonly freed: Uint32Array
  /** Nodes whose links were rewritten. */
  readonly relinked: number
}
