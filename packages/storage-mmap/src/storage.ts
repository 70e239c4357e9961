import { stat } from 'node:fs/promises'
import {
  AnnulusError,
  type Metric,
  metricNumber,
  type ReaderHandle,
  withAbort,
} from '@annulus/native'
import {
  BaseStorage,
  checkOptions,
  type OpenOptions,
  openOptionNames,
  openSegmentStore,
  type Segment,
  type SegmentLayout,
  type SegmentStore,
  type StorageStats,
} from '@annulus/storage'
import { mapSegment } from './mapping.js'
import { type NativeReader, native } from './native.js'
import type { ResolvedOptions } from './options.js'

/** Reads that went wrong in a way the file itself can explain. */
const fileFailures = new Set(['ANNULUS_IO', 'ANNULUS_CORRUPT'])

/**
 * Vectors in mapped segment files. Reads happen on native threads, in place; the event loop never
 * touches a mapped byte. The mappings live until `close`, or until the environment ends.
 */
export class MmapStorage extends BaseStorage {
  readonly #store: SegmentStore
  readonly #native: NativeReader
  #closed = false

  private constructor(store: SegmentStore, reader: NativeReader) {
    super({ backend: 'mmap', dimension: store.layout.dimension, slots: store.slots })
    this.#store = store
    this.#native = reader
  }

  /** Opens the storage at `opening.path`, creating it if missing. */
  static async open(opening: OpenOptions, options: ResolvedOptions): Promise<MmapStorage> {
    checkOptions('open', opening, openOptionNames)
    const { segmentBytesMax, files } = options
    let reader: NativeReader | undefined
    const readerOf = (layout: SegmentLayout): NativeReader => {
      reader ??= createReader(layout, options)
      return reader
    }
    const onSegment = async (segment: Segment, layout: SegmentLayout): Promise<void> => {
      await mapSegment(segment.path, layout.segmentBytes, (mapping) =>
        readerOf(layout).addSegment(mapping, segment.checksums),
      )
    }
    // A store without slots has no segment yet, so no reader either.
    const onSlots = (slots: number): void => reader?.publish(slots)
    let store: SegmentStore | undefined
    try {
      store = await openSegmentStore({ ...opening, segmentBytesMax, files, onSegment, onSlots })
      readerOf(store.layout).publish(store.slots)
      return new MmapStorage(store, readerOf(store.layout))
    } catch (error) {
      await Promise.allSettled([reader?.close(), store?.close()])
      throw error
    }
  }

  /** The storage for native searches; it answers `ANNULUS_CLOSED` after `close`. */
  reader(): ReaderHandle {
    if (this.#closed) throw new AnnulusError('ANNULUS_CLOSED', 'this mmap storage is closed')
    return this.#native.table()
  }

  override close(): Promise<void> {
    this.#closed = true
    return super.close()
  }

  protected override _write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    return this.#store.write(slots, vectors)
  }

  protected override async _read(
    slots: Uint32Array,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const out = floats(slots.length * this.dimension)
    await this.#explained(() => withAbort(signal, (flag) => this.#native.read(slots, out, flag)))
    return out
  }

  protected override async _score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const out = floats(slots.length)
    const number = metricNumber(metric)
    await this.#explained(() =>
      withAbort(signal, (flag) => this.#native.score(query, slots, number, out, flag)),
    )
    return out
  }

  protected override _flush(): Promise<void> {
    return this.#store.flush()
  }

  protected override _discard(firstSlot: number): Promise<void> {
    return this.#store.discard(firstSlot)
  }

  protected override async _close(): Promise<void> {
    const outcomes = await Promise.allSettled([this.#native.close(), this.#store.close()])
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') throw outcome.reason
    }
  }

  protected override _stats(): Partial<StorageStats> {
    const stats = this.#native.stats()
    const { vectorBytes } = this.#store.layout
    const { writtenBytes, writeCpuMs } = this.#store
    return { ...stats, readBytes: stats.reads * vectorBytes, writtenBytes, writeCpuMs }
  }

  /** Adds the file to an error that names a slot, and says so when the file has been cut short. */
  async #explained(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      if (!(error instanceof AnnulusError) || !fileFailures.has(error.code)) throw error
      const { slotsPerSegment, segmentBytes } = this.#store.layout
      const slot = Number(error.details['slot'])
      const path = this.#store.segments[Math.floor(slot / slotsPerSegment)]?.path
      if (path === undefined) throw error
      const bytes = await stat(path).then(
        ({ size }) => size,
        () => undefined,
      )
      const cut = bytes !== undefined && bytes < segmentBytes
      const reason = cut ? `; the file was cut to ${bytes} of ${segmentBytes} bytes` : ''
      throw new AnnulusError(error.code, `${error.message} in ${path}${reason}`, {
        cause: error.cause,
        details: { ...error.details, path, ...(cut && { bytes, expected: segmentBytes }) },
      })
    }
  }
}

function createReader(layout: SegmentLayout, options: ResolvedOptions): NativeReader {
  const { dimension, stride, headerBytes, slotsPerSegment, segmentBytes } = layout
  const { threads, prefetch } = options
  return new native.Reader({
    dimension,
    stride,
    headerBytes,
    slotsPerSegment,
    segmentBytes,
    threads,
    prefetch,
  })
}

/** A result array; a length beyond what the engine can hold is the caller's to know about. */
function floats(length: number): Float32Array {
  try {
    return new Float32Array(length)
  } catch (cause) {
    throw new AnnulusError(
      'ANNULUS_OUT_OF_MEMORY',
      `no memory for a result of ${length} floats; ask for fewer slots at a time`,
      { cause },
    )
  }
}
