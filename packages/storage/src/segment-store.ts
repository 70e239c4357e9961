// The one writer of segment files. Its order is what makes recovery simple: vectors, then their
// checksums, then visibility; and a segment is begun only when all before it are full and durable.

import { randomBytes } from 'node:crypto'
import { endianness } from 'node:os'
import { join, resolve } from 'node:path'
import { AnnulusError, checksumVectors } from '@annulus/native'
import {
  checkInteger,
  checkNoGap,
  checkOpenOptions,
  checkWriteShape,
  freshSlots,
  openOptionNames,
} from './arguments.js'
import { makeDurableDirectory } from './durable-directory.js'
import { type FileLock, type FileOps, type OpenFile, writeParts } from './file-ops.js'
import { layoutOf, pageBytes, segmentBytesLimit } from './layout.js'
import { nodeFileOps } from './node-file-ops.js'
import { recover } from './recovery.js'
import { createSegment, type StoredSegment } from './segment-files.js'
import type { SegmentLayout, SegmentStore, SegmentStoreOptions } from './segments.js'
import { slotRuns } from './slot-runs.js'
import { WriteQueue } from './write-queue.js'

/** Bytes handed to the system in one write, and checksummed at once on the event loop. */
const chunkBytes = 1024 * 1024
/**
 * Checksums between two that change are written again with them where they are at most so many: a page, which
 * the system writes whole in any case. They are those in the file already, so no slot depends on that.
 */
const checksumGapMax = pageBytes / 4

interface SegmentHandles {
  readonly vectors: OpenFile
  readonly checksums: OpenFile
}

interface Opened {
  readonly files: FileOps
  /** None in a store that is only read. */
  readonly lock: FileLock | undefined
  readonly storeId: string
  readonly layout: SegmentLayout
  readonly segments: StoredSegment[]
  readonly slots: number
  readonly options: SegmentStoreOptions
}

class FileSegmentStore implements SegmentStore {
  readonly layout: SegmentLayout
  readonly segments: StoredSegment[]
  readonly #files: FileOps
  readonly #lock: FileLock | undefined
  readonly #storeId: string
  readonly #options: SegmentStoreOptions
  readonly #queue: WriteQueue
  readonly #handles = new Map<number, SegmentHandles>()
  /** Numbers of segments that the next flush must sync. */
  readonly #unsynced = new Set<number>()
  #slots: number
  #writtenBytes = 0
  #writeCpuMs = 0
  #closing: Promise<void> | undefined

  constructor(opened: Opened) {
    this.layout = opened.layout
    this.segments = opened.segments
    this.#files = opened.files
    this.#lock = opened.lock
    this.#storeId = opened.storeId
    this.#options = opened.options
    this.#slots = opened.slots
    this.#queue = new WriteQueue(opened.options.path, opened.options.readOnly)
    // What was found may still be only in the page cache; the first flush vouches for it too.
    const last = opened.segments.at(-1)
    if (last !== undefined) this.#unsynced.add(last.number)
  }

  get slots(): number {
    return this.#slots
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  get writeCpuMs(): number {
    return this.#writeCpuMs
  }

  async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    const each = checkWriteShape(slots, vectors, this.layout.dimension)
    await this.#queue.write(
      () => checkNoGap(each, this.#slots),
      () => this.#write(each, vectors),
    )
  }

  flush(): Promise<void> {
    return this.#queue.flush(() => this.#sync())
  }

  discard(firstSlot: number): Promise<void> {
    return this.#queue.write(
      () => {},
      () => this.#discard(firstSlot),
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    const { dimension, slotsPerSegment, stride } = this.layout
    const chunkSlots = Math.max(1, Math.floor(chunkBytes / stride))
    for (let from = 0; from < slots.length; ) {
      const segment = await this.#segment(Math.floor((slots[from] as number) / slotsPerSegment))
      const segmentEnd = (segment.number + 1) * slotsPerSegment
      let end = Math.min(from + chunkSlots, slots.length)
      while ((slots[end - 1] as number) >= segmentEnd) end--
      const chunk = vectors.subarray(from * dimension, end * dimension)
      await this.#writeChunk(segment, slots.subarray(from, end), chunk)
      from = end
    }
    this.#slots += freshSlots(slots, this.#slots)
    this.#options.onSlots?.(this.#slots)
  }

  async #writeChunk(
    segment: StoredSegment,
    slots: Uint32Array,
    vectors: Float32Array,
  ): Promise<void> {
    const { dimension, headerBytes, slotsPerSegment, stride } = this.layout
    const first = segment.number * slotsPerSegment
    const sums = await checksumVectors(vectors, dimension, slots)
    const handles = await this.#open(segment)
    const places = slotRuns(slots).flatMap(({ slot, from, count }) => [
      from * stride,
      count * stride,
      headerBytes + (slot - first) * stride,
    ])
    const { checksums } = segment
    const sumBytes = new Uint8Array(checksums.buffer, checksums.byteOffset, checksums.byteLength)
    const sumPlaces = slotRuns(slots, checksumGapMax).flatMap(({ slot, count }) => {
      const at = (slot - first) * 4
      return [at, count * 4, headerBytes + at]
    })
    const vectorMs = await writeParts(
      handles.vectors,
      this.#strided(vectors),
      new Float64Array(places),
    )
    for (let i = 0; i < slots.length; i++) {
      checksums[(slots[i] as number) - first] = sums[i] as number
    }
    const sumMs = await writeParts(handles.checksums, sumBytes, new Float64Array(sumPlaces))
    this.#writeCpuMs += vectorMs + sumMs
    this.#writtenBytes += sums.length * stride
  }

  async #discard(firstSlot: number): Promise<void> {
    const { headerBytes, slotsPerSegment, stride, segmentBytes } = this.layout
    for (const segment of this.segments) {
      const index = Math.max(0, firstSlot - segment.number * slotsPerSegment)
      const from = Math.ceil((headerBytes + index * stride) / pageBytes) * pageBytes
      if (from >= segmentBytes) continue
      const { vectors } = await this.#open(segment)
      await vectors.discard?.(from, segmentBytes)
    }
  }

  /** The vectors as they lie in the file; a copy only where there is padding between them. */
  #strided(vectors: Float32Array): Uint8Array {
    const { dimension, stride, vectorBytes } = this.layout
    const packed = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)
    if (stride === vectorBytes) return packed
    const count = vectors.length / dimension
    const strided = new Uint8Array(count * stride)
    for (let i = 0; i < count; i++) {
      strided.set(packed.subarray(i * vectorBytes, (i + 1) * vectorBytes), i * stride)
    }
    return strided
  }

  async #segment(number: number): Promise<StoredSegment> {
    const existing = this.segments[number]
    if (existing !== undefined) return existing
    await this.#sync()
    const path = this.#options.path
    const segment = await createSegment(this.#files, path, this.#storeId, this.layout, number)
    await this.#options.onSegment?.(segment, this.layout)
    this.segments.push(segment)
    return segment
  }

  async #open(segment: StoredSegment): Promise<SegmentHandles> {
    this.#unsynced.add(segment.number)
    const open = this.#handles.get(segment.number)
    if (open !== undefined) return open
    const vectors = await this.#files.open(segment.path, 'write')
    try {
      const checksums = await this.#files.open(segment.checksumPath, 'write')
      const handles = { vectors, checksums }
      this.#handles.set(segment.number, handles)
      return handles
    } catch (error) {
      await vectors.close().catch(() => {})
      throw error
    }
  }

  /** Syncs what was written through the handles it was written with, then keeps only the last open. */
  async #sync(): Promise<void> {
    for (const number of this.#unsynced) {
      const { vectors, checksums } = await this.#open(this.segments[number] as StoredSegment)
      await allOf([vectors.sync(), checksums.sync()])
    }
    this.#unsynced.clear()
    for (const number of this.#handles.keys()) {
      if (number < this.segments.length - 1) await this.#release(number)
    }
  }

  async #release(number: number): Promise<void> {
    const handles = this.#handles.get(number)
    this.#handles.delete(number)
    if (handles !== undefined) await allOf([handles.vectors.close(), handles.checksums.close()])
  }

  async #close(): Promise<void> {
    await this.#queue.close()
    try {
      await allOf([...this.#handles.keys()].map((number) => this.#release(number)))
    } finally {
      await this.#lock?.release()
    }
  }
}

/** Waits for all, then rejects with the first failure: nothing is still running when it returns. */
async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === 'rejected') throw outcome.reason
  }
}

const optionNames = [...openOptionNames, 'segmentBytesMax', 'files', 'onSegment', 'onSlots']

async function openLocked(
  files: FileOps,
  lock: FileLock | undefined,
  options: SegmentStoreOptions,
  created: SegmentLayout,
): Promise<SegmentStore> {
  const recovered = await recover(files, options)
  const segments = recovered?.segments ?? []
  const layout = recovered?.layout ?? created
  for (const segment of segments) await options.onSegment?.(segment, layout)
  const slots = recovered?.slots ?? 0
  if (slots > 0) options.onSlots?.(slots)
  const storeId = recovered?.storeId ?? randomBytes(16).toString('hex')
  return new FileSegmentStore({ files, lock, storeId, layout, segments, slots, options })
}

/**
 * Opens (or creates) the segment files in a directory for writing, and recovers what a crash left.
 *
 * @throws AnnulusError `ANNULUS_LOCKED` when another store has the directory open, `ANNULUS_CORRUPT`
 * naming a damaged or missing file, `ANNULUS_VERSION`, `ANNULUS_DIMENSION`, `ANNULUS_PERMISSION`,
 * `ANNULUS_FULL`, `ANNULUS_IO` and the codes of bad arguments.
 */
export async function openSegmentStore(options: SegmentStoreOptions): Promise<SegmentStore> {
  checkOpenOptions(options, optionNames)
  if (options.segmentBytesMax !== undefined) {
    checkInteger('segmentBytesMax', options.segmentBytesMax, 1, segmentBytesLimit)
  }
  if (endianness() !== 'LE') {
    throw new AnnulusError('ANNULUS_UNSUPPORTED', 'the file format needs a little-endian machine')
  }
  const created = layoutOf(options.dimension, options.segmentBytesMax)
  const files = options.files ?? nodeFileOps
  if (options.readOnly === true) return openLocked(files, undefined, options, created)
  await makeDurableDirectory(files, resolve(options.path))
  const lock = await files.lock(join(options.path, 'vectors.lock'))
  try {
    return await openLocked(files, lock, options, created)
  } catch (error) {
    await lock.release().catch(() => {})
    throw error
  }
}
