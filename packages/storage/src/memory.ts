// Vectors in memory only: for tests, for small data, and as the plainest example of a backend.
import { AnnulusError } from '@annulus/native'
import { checkOpenOptions, checkOptions, freshSlots, slotsToKeep } from './arguments.js'
import { BaseStorage } from './base-storage.js'
import type { OpenOptions, StorageFactory, VectorStorage } from './types.js'

export interface MemoryStorageOptions {
  /** Keep what was written when a storage closes, for the next open of the same path; default false. */
  readonly keep?: boolean
}

const chunkBytes = 2 ** 20

/** Vectors in chunks of about 1 MiB, so that growing never copies. */
class MemoryVectors {
  readonly dimension: number
  readonly #chunkSlots: number
  readonly #chunks: Float32Array[] = []
  slots = 0
  open = false

  constructor(dimension: number) {
    this.dimension = dimension
    this.#chunkSlots = Math.max(1, Math.floor(chunkBytes / (dimension * 4)))
  }

  write(slots: Uint32Array, vectors: Float32Array): void {
    for (const [i, slot] of slots.entries()) {
      this.#vector(slot).set(vectors.subarray(i * this.dimension, (i + 1) * this.dimension))
    }
    this.slots += freshSlots(slots, this.slots)
  }

  read(slots: Uint32Array): Float32Array {
    const vectors = new Float32Array(slots.length * this.dimension)
    slots.forEach((slot, i) => {
      vectors.set(this.#vector(slot), i * this.dimension)
    })
    return vectors
  }

  #vector(slot: number): Float32Array {
    const number = Math.floor(slot / this.#chunkSlots)
    let chunk = this.#chunks[number]
    if (chunk === undefined) {
      chunk = new Float32Array(this.#chunkSlots * this.dimension)
      this.#chunks[number] = chunk
    }
    const at = (slot % this.#chunkSlots) * this.dimension
    return chunk.subarray(at, at + this.dimension)
  }
}

class MemoryStorage extends BaseStorage {
  readonly #vectors: MemoryVectors
  readonly #closed: () => void

  constructor(vectors: MemoryVectors, closed: () => void) {
    super({ backend: 'memory', dimension: vectors.dimension, slots: vectors.slots })
    this.#vectors = vectors
    this.#closed = closed
  }

  protected override async _write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    this.#vectors.write(slots, vectors)
  }

  protected override async _read(slots: Uint32Array): Promise<Float32Array> {
    return this.#vectors.read(slots)
  }

  protected override async _flush(): Promise<void> {}

  protected override async _close(): Promise<void> {
    this.#closed()
  }
}

/** What an earlier open left must fit the options, as it must on disk. */
function checkKept(kept: MemoryVectors | undefined, options: OpenOptions): void {
  const { path, dimension } = options
  if (kept?.open === true) {
    throw new AnnulusError('ANNULUS_LOCKED', `${path} is open already`, { details: { path } })
  }
  const found = kept?.slots ?? 0
  if (found > 0 && kept !== undefined && kept.dimension !== dimension) {
    throw new AnnulusError(
      'ANNULUS_DIMENSION',
      `${path} holds vectors of dimension ${kept.dimension}, not ${dimension}`,
      { details: { path, dimension: kept.dimension, expected: dimension } },
    )
  }
}

/** A factory of storages that live in memory; one factory is one world of paths. */
export function memoryStorage(options: MemoryStorageOptions = {}): StorageFactory {
  checkOptions('memoryStorage', options, ['keep'])
  const stored = new Map<string, MemoryVectors>()
  const open = async (opening: OpenOptions): Promise<VectorStorage> => {
    checkOpenOptions(opening)
    const { path, dimension } = opening
    const kept = stored.get(path)
    checkKept(kept, opening)
    const vectors = kept?.dimension === dimension ? kept : new MemoryVectors(dimension)
    vectors.slots = slotsToKeep(opening, vectors.slots)
    vectors.open = true
    stored.set(path, vectors)
    return new MemoryStorage(vectors, () => {
      vectors.open = false
      if (options.keep !== true) stored.delete(path)
    })
  }
  return { name: 'memory', open }
}
