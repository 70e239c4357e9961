// Copies vectors from one storage to another, slot by slot: what is read is checked on its way, and
// where no point is, zeros are written.
import type { VectorStorage } from '@annulus/storage'

export interface VectorCopy {
  readonly source: VectorStorage
  /** Empty. */
  readonly copy: VectorStorage
  readonly slots: number
  /** Slots in [from, to) that hold a point. */
  readonly live: (from: number, to: number) => Uint32Array
  readonly signal: AbortSignal | undefined
}

const chunkBytes = 1 << 20

/** @throws AnnulusError `ANNULUS_CORRUPT` naming file and slot when a vector is damaged. */
export async function copyVectors(
  { source, copy, slots, live, signal }: VectorCopy,
  passed: (bytes: number) => Promise<void>,
): Promise<void> {
  const { dimension } = source
  const step = Math.max(1, Math.floor(chunkBytes / (dimension * 4)))
  for (let first = 0; first < slots; first += step) {
    const count = Math.min(step, slots - first)
    const vectors = new Float32Array(count * dimension)
    const wanted = live(first, first + count)
    const found = await source.read(wanted, signal === undefined ? {} : { signal })
    for (const [index, slot] of wanted.entries()) {
      const vector = found.subarray(index * dimension, (index + 1) * dimension)
      vectors.set(vector, (slot - first) * dimension)
    }
    await copy.write(first, vectors)
    await passed(vectors.byteLength)
  }
}
