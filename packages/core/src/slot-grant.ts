// The slots of a commit.

/** The slots that a commit hands out, in the order of its points: free ones first, ascending, then fresh ones. */
export interface SlotGrant {
  readonly reused: Uint32Array
  /** Fresh slots are [first, end). */
  readonly first: number
  readonly end: number
}

export function slotAt({ reused, first }: SlotGrant, point: number): number {
  return reused[point] ?? first + point - reused.length
}

/** The slots of all points, ascending. */
export function slotsOf({ reused, first, end }: SlotGrant): Uint32Array {
  const slots = new Uint32Array(reused.length + end - first)
  slots.set(reused)
  for (let slot = first; slot < end; slot++) slots[reused.length + slot - first] = slot
  return slots
}
