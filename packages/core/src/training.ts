// What a quantizer is trained on, and how vectors get from storage to codes.
import type { VectorStorage } from '@annulus/storage'
import type { SlotTable } from './slot-table.js'

/** Vectors that a quantizer sees at most. */
export const trainingVectorsMax = 16_384
const trainingBytesMax = 64 << 20
/** Small enough that malloc has these blocks from memory that it holds anyway. */
const readBytes = 1 << 20

/**
 * glibc's malloc takes the size of the largest block that it gave back to the system, up to 32 MiB, for the size from
 * which it does so, and keeps twice as much free memory for itself. A sample is the largest block there is, so it asks
 * for more than that; what is not used of it is no memory.
 */
const sampleRoomMin = 33 << 20

/** Does a piece of work when its time has come. */
export type Paced = <T>(work: () => Promise<T>) => Promise<T>

export interface SampleSource {
  readonly storage: VectorStorage
  readonly table: SlotTable
  readonly signal: AbortSignal
  readonly paced: Paced
}

/** Evenly spread live vectors, at most `trainingVectorsMax` of them, read a MiB at a time. */
export async function trainingSample({
  storage,
  table,
  signal,
  paced,
}: SampleSource): Promise<Float32Array> {
  const live = table.live.slots(0, table.slots)
  const max = Math.min(trainingVectorsMax, Math.floor(trainingBytesMax / (storage.dimension * 4)))
  const count = Math.min(live.length, Math.max(1, max))
  const slots = Uint32Array.from(
    { length: count },
    (_, index) => live[Math.floor((index * live.length) / count)] ?? 0,
  )
  const components = count * storage.dimension
  const memory = new ArrayBuffer(Math.max(components * 4, sampleRoomMin))
  const sample = new Float32Array(memory, 0, components)
  const step = slotsPerRead(storage.dimension)
  for (let first = 0; first < count; first += step) {
    await paced(async () => {
      const part = await storage.read(slots.subarray(first, first + step), { signal })
      sample.set(part, first * storage.dimension)
    })
  }
  return sample
}

/** Vectors to read at once. */
export function slotsPerRead(dimension: number): number {
  return Math.max(1, Math.floor(readBytes / (dimension * 4)))
}
