// The plainest reader of segment files: one positional read a vector, on libuv's threads. It works
// wherever Node does, and reads through FileOps too, so that a test can make reads fail.
import { AnnulusError, crc32c } from '@annulus/native'
import { checkOpenOptions, checkOptions } from './arguments.js'
import { BaseStorage } from './base-storage.js'
import { type FileOps, type OpenFile, readFully } from './file-ops.js'
import { nodeFileOps } from './node-file-ops.js'
import { openSegmentStore } from './segment-store.js'
import type { Segment, SegmentStore } from './segments.js'
import type { OpenOptions, StorageFactory, StorageStats, VectorStorage } from './types.js'

export interface PreadStorageOptions {
  /** Upper bound of a segment file in bytes; default 256 MiB, at most 1 GiB. */
  readonly segmentBytesMax?: number | undefined
  /** The file operations everything goes through; default `nodeFileOps`. */
  readonly files?: FileOps | undefined
}

/** Reads under way at once in one call; libuv has four threads unless told otherwise. */
const readsAtOnce = 16

interface OpenSegment {
  readonly file: OpenFile
  readonly checksums: Uint32Array
}

class PreadStorage extends BaseStorage {
  readonly #store: SegmentStore
  readonly #segments: readonly OpenSegment[]

  constructor(store: SegmentStore, segments: readonly OpenSegment[]) {
    super({ backend: 'pread', dimension: store.layout.dimension, slots: store.slots })
    this.#store = store
    this.#segments = segments
  }

  protected override _write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    return this.#store.write(slots, vectors)
  }

  protected override async _read(
    slots: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const vectors = new Float32Array(slots.length * this.dimension)
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < slots.length && !signal?.aborted) {
        const i = next++
        const bytes = new Uint8Array(vectors.buffer, i * this.dimension * 4, this.dimension * 4)
        await this.#readVector(slots[i] as number, bytes)
      }
    }
    const lanes = Array.from({ length: Math.min(readsAtOnce, slots.length) }, lane)
    for (const outcome of await Promise.allSettled(lanes)) {
      if (outcome.status === 'rejected') throw outcome.reason
    }
    return vectors
  }

  protected override _flush(): Promise<void> {
    return this.#store.flush()
  }

  protected override _discard(firstSlot: number): Promise<void> {
    return this.#store.discard(firstSlot)
  }

  protected override async _close(): Promise<void> {
    try {
      await this.#store.close()
    } finally {
      await closeAll(this.#segments)
    }
  }

  protected override _stats(): Partial<StorageStats> {
    const { writtenBytes, writeCpuMs } = this.#store
    return { writtenBytes, writeCpuMs }
  }

  async #readVector(slot: number, bytes: Uint8Array): Promise<void> {
    const { headerBytes, slotsPerSegment, stride } = this.#store.layout
    const segment = this.#segments[Math.floor(slot / slotsPerSegment)] as OpenSegment
    const index = slot % slotsPerSegment
    const { path } = segment.file
    let length: number
    try {
      length = await readFully(segment.file, bytes, headerBytes + index * stride)
    } catch (cause) {
      if (!(cause instanceof AnnulusError)) throw cause
      const details = { ...cause.details, slot }
      throw new AnnulusError(cause.code, `slot ${slot}: ${cause.message}`, { cause, details })
    }
    if (length === bytes.length && crc32c(bytes, slot) === segment.checksums[index]) return
    throw new AnnulusError(
      'ANNULUS_CORRUPT',
      `slot ${slot} in ${path} does not match its checksum`,
      {
        details: { path, slot },
      },
    )
  }
}

async function closeAll(segments: readonly OpenSegment[]): Promise<void> {
  for (const outcome of await Promise.allSettled(segments.map(({ file }) => file.close()))) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

/** A factory of storages on segment files, read with plain positional reads; fully portable. */
export function preadStorage(options: PreadStorageOptions = {}): StorageFactory {
  checkOptions('preadStorage', options, ['segmentBytesMax', 'files'])
  const files = options.files ?? nodeFileOps
  const open = async (opening: OpenOptions): Promise<VectorStorage> => {
    checkOpenOptions(opening)
    const segments: OpenSegment[] = []
    const onSegment = async ({ path, checksums }: Segment): Promise<void> => {
      segments.push({ file: await files.open(path, 'read'), checksums })
    }
    const { segmentBytesMax } = options
    try {
      const store = await openSegmentStore({ ...opening, segmentBytesMax, files, onSegment })
      return new PreadStorage(store, segments)
    } catch (error) {
      await closeAll(segments).catch(() => {})
      throw error
    }
  }
  return { name: 'pread', open }
}
