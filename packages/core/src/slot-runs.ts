// Slots of a commit, one by one and as runs: vectors are written a run at a time.

/** Consecutive slots for consecutive points, of which `point` is the first. */
export interface SlotRun {
  readonly slot: number
  readonly point: number
  readonly count: number
}

/** The slots that a commit hands out, in the order of its points: free ones first, then fresh ones. */
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

/** The grant as runs, ascending; fresh slots are one of their own, the last. */
export function runsOf({ reused, first, end }: SlotGrant): SlotRun[] {
  const runs: SlotRun[] = []
  for (let point = 0; point < reused.length; ) {
    const slot = reused[point] ?? 0
    let count = 1
    while (reused[point + count] === slot + count) count++
    runs.push({ slot, point, count })
    point += count
  }
  if (end > first) runs.push({ slot: first, point: reused.length, count: end - first })
  return runs
}

/** The part of `vectors`, one a point, that belongs to a run. */
export function vectorsOfRun(vectors: Float32Array, run: SlotRun, dimension: number): Float32Array {
  return vectors.subarray(run.point * dimension, (run.point + run.count) * dimension)
}
