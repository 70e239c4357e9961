// Slots that follow each other: what is consecutive is written at once.

/** Slots [slot, slot + count); the first of them is `slots[from]`. */
export interface SlotRun {
  readonly slot: number
  readonly from: number
  readonly count: number
}

/**
 * Ascending slots as runs.
 *
 * @param gapMax how many slots that are not among them a run may span, between two that are; default none
 */
export function slotRuns(slots: Uint32Array, gapMax = 0): SlotRun[] {
  const runs: SlotRun[] = []
  for (let from = 0; from < slots.length; ) {
    const slot = slots[from] as number
    let last = slot
    let next = from + 1
    while (next < slots.length && (slots[next] as number) - last - 1 <= gapMax) {
      last = slots[next++] as number
    }
    runs.push({ slot, from, count: last + 1 - slot })
    from = next
  }
  return runs
}
