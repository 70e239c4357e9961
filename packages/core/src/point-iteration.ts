// Passing over all points of a collection, a batch at a time.
import type { CollectionParts } from './collection-parts.js'
import type { ParsedFilter } from './filter.js'
import { type ParsedRead, readPoints } from './point-reading.js'
import type { Point } from './points.js'

const pointsBatch = 256

/** Runs one step of the iteration as a call of the collection. */
type Step = <T>(call: () => Promise<T>) => Promise<T>

export async function* iteratePoints(
  parts: CollectionParts,
  filter: ParsedFilter | undefined,
  read: ParsedRead,
  step: Step,
): AsyncGenerator<Point<object>, void, void> {
  const { table, filters, readers, writer } = parts
  const batch = async (from: number) => {
    const set = filter === undefined ? table.live : (await filters.match(filter, read.signal)).set
    const slots = Array.from(set.slots(from, table.slots, pointsBatch))
    return { points: await readPoints(parts, slots, read), end: slots.at(-1) }
  }
  // A point that is replaced must not move to a slot that was passed already.
  const passing = {}
  await step(() => writer.betweenCommits(async () => readers.pin(passing)))
  try {
    for (let next = 0; ; ) {
      const { points, end } = await step(() => readers.run(() => batch(next)))
      for (const point of points) if (point !== undefined) yield point
      if (end === undefined) return
      next = end + 1
    }
  } finally {
    readers.unpin(passing)
  }
}
