// Vectors of a commit on their way to the storage, with rests in between where searches want them.
import type { VectorStorage } from '@annulus/storage'
import { nowMs } from './clock.js'
import type { Durability } from './options.js'
import { runsOf, type SlotGrant, vectorsOfRun } from './slot-runs.js'
import type { CollectionPace } from './write-pace.js'

/** Runs of slots written between two rests. */
const sliceRuns = 32

export interface VectorWrites {
  readonly storage: VectorStorage
  readonly durability: Durability
  readonly pace: CollectionPace
  /** Whether somebody waits for the end of the commit: he is not to wait for rests as well. */
  readonly isAwaited: () => boolean
}

/** Writes one vector for each slot of the grant; with durability `sync` they then survive power loss. */
export async function writeVectors(
  { storage, durability, pace, isAwaited }: VectorWrites,
  grant: SlotGrant,
  vectors: Float32Array,
): Promise<void> {
  const runs = runsOf(grant)
  for (let first = 0; first < runs.length; first += sliceRuns) {
    await pace.restUnless(isAwaited)
    const start = nowMs()
    const slice = runs.slice(first, first + sliceRuns)
    await Promise.all(
      slice.map((run) => storage.write(run.slot, vectorsOfRun(vectors, run, storage.dimension))),
    )
    // The threads that write are libuv's, whose CPU time nobody tells: the time until they have is more.
    pace.spend(nowMs() - start)
  }
  if (durability === 'sync') await storage.flush()
}
