// Vectors of a commit on their way to the storage, with rests in between where searches want them.
import type { VectorStorage } from '@annulus/storage'
import { nowMs } from './clock.js'
import type { Durability } from './options.js'
import type { CollectionPace } from './write-pace.js'

/** Bytes of vectors written between two rests: about half a millisecond of one core. */
const sliceBytes = 1 << 20

export interface VectorWrites {
  readonly storage: VectorStorage
  readonly durability: Durability
  readonly pace: CollectionPace
  /** Whether somebody waits for the end of the commit: he is not to wait for rests as well. */
  readonly isAwaited: () => boolean
}

/** Writes a vector into each of these slots, which ascend; with durability `sync` they then survive power loss. */
export async function writeVectors(
  { storage, durability, pace, isAwaited }: VectorWrites,
  slots: Uint32Array,
  vectors: Float32Array,
): Promise<void> {
  const { dimension } = storage
  const slice = Math.max(1, Math.floor(sliceBytes / (dimension * 4)))
  for (let first = 0; first < slots.length; first += slice) {
    await pace.restUnless(isAwaited)
    const [start, before] = [nowMs(), storage.stats().writeCpuMs]
    const end = Math.min(first + slice, slots.length)
    await storage.write(
      slots.subarray(first, end),
      vectors.subarray(first * dimension, end * dimension),
    )
    const after = storage.stats().writeCpuMs
    // Where the storage cannot tell the CPU time of its threads, the time until they have written is more.
    pace.spend(before === undefined || after === undefined ? nowMs() - start : after - before)
  }
  if (durability === 'sync') await storage.flush()
}
