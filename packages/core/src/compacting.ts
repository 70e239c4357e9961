// Moves the last points into free slots at the front, and gives back what was behind them.
import type { CollectionParts } from './collection-parts.js'
import { decodePayload } from './payloads.js'
import { groupPoints, indexedPart, type PointGroup, slicePoints, turn } from './points.js'
import { decodeRecord } from './records.js'

/** Free slots that are worth the trouble, as a part of all. */
const freeShare = 0.1

export interface Compaction {
  /** Throws when it is to end. Called before each group of points. */
  readonly proceed: () => void
  readonly moved: (done: number, total: number) => void
}

/**
 * Makes a collection of few points in many slots as small as its points: segments on disk at once, codes
 * and graph with the rebuild that should follow. Searches and writes go on. Points move in commits of
 * their own, each durable and atomic, so it may be stopped, or crash, at any moment. Does nothing where
 * little would be gained, or while somebody reads older states.
 */
export async function compact(parts: CollectionParts, { proceed, moved }: Compaction) {
  const { table, indexer, writer, readers, storage, filters } = parts
  proceed()
  if (table.slots - table.live.size <= table.slots * freeShare) return
  const reclaim = () => indexer.reclaiming.all(() => indexer.settled())
  if (!(await reclaim())) return
  const end = table.live.size
  const total = table.live.count(end, table.slots)
  for (let done = 0, first = end; ; ) {
    proceed()
    const slots = table.live.slots(first, table.slots, groupPoints(storage.dimension))
    const last = slots.at(-1)
    if (last === undefined) break
    // As a reader to the end: until then none of the slots can have got another point.
    await readers.run(() =>
      writer.submit(
        read(parts, slots).then((group) => ({ group })),
        undefined,
      ),
    )
    first = last + 1
    done += slots.length
    moved(done, total)
  }
  if (!(await reclaim())) return
  await writer.cut((cutTo) => {
    for (const generation of indexer.generations) generation.cut(cutTo)
    filters.cut()
  })
  // Whoever began to read before may still look for what was there.
  await readers.passed()
  if (await indexer.reclaiming.heldUp()) return
  // A commit in hand may have written to slots that the table does not have yet.
  await writer.betweenCommits(async () => storage.discard?.(table.slots))
}

/** The points of these slots, to be written elsewhere. */
async function read(parts: CollectionParts, slots: Uint32Array): Promise<PointGroup> {
  const { storage, store, warmth, config } = parts
  if (!warmth.warm) await store.prefetchRecords(slots)
  const group = {
    from: [] as number[],
    ids: [] as PointGroup['ids'][number][],
    records: [] as Buffer[],
    payloads: [] as (object | undefined)[],
  }
  for (const [index, slot] of slots.entries()) {
    if (index % slicePoints === slicePoints - 1) await turn()
    const bytes = store.record(slot)
    if (bytes === undefined) continue // removed meanwhile
    const record = Buffer.from(bytes)
    const { id, payload } = decodeRecord(record, slot)
    const isIndexed = config.indexedFields.length > 0 && payload !== undefined
    group.from.push(slot)
    group.ids.push(id)
    group.records.push(record)
    group.payloads.push(
      isIndexed ? indexedPart(decodePayload(payload), config.indexedFields) : undefined,
    )
  }
  const vectors = await storage.read(Uint32Array.from(group.from))
  return { ...group, vectors }
}
