// What a directory of segment files holds when it is opened. Everything needed is checked before
// anything is changed; then what a crash left behind and slots that were not committed are dropped.

import { join } from 'node:path'
import { AbortError, AnnulusError, crc32c } from '@annulus/native'
import { type FileOps, type OpenFile, readFully } from './file-ops.js'
import type { Header } from './header.js'
import { pageBytes, segmentName } from './layout.js'
import {
  damage,
  readHeader,
  type StoredSegment,
  temporarySuffix,
  withFile,
} from './segment-files.js'
import type { SegmentLayout } from './segments.js'
import type { OpenOptions } from './types.js'

export interface Recovered {
  readonly storeId: string
  readonly layout: SegmentLayout
  readonly segments: StoredSegment[]
  readonly slots: number
}

interface Survey {
  readonly vectors: ReadonlySet<number>
  readonly checksums: ReadonlySet<number>
  readonly temporary: readonly string[]
}

async function survey(files: FileOps, directory: string): Promise<Survey> {
  const vectors = new Set<number>()
  const checksums = new Set<number>()
  const temporary: string[] = []
  // A collection without points that is only read may not have its directory yet.
  if ((await files.stat(directory)) === undefined) return { vectors, checksums, temporary }
  for (const name of await files.list(directory)) {
    const match = /^vectors-(\d{6,9})\.(seg|crc)(\.tmp)?$/.exec(name)
    if (match === null) continue
    const number = Number(match[1])
    if (match[3] === temporarySuffix) temporary.push(join(directory, name))
    else if (match[2] === 'seg') vectors.add(number)
    else checksums.add(number)
  }
  return { vectors, checksums, temporary }
}

/** The header of a segment, once its size is right too. */
async function readSegmentHeader(file: OpenFile): Promise<Header> {
  const header = await readHeader(file, 'seg')
  const expected = header.layout.segmentBytes
  const actual = await file.size()
  if (actual !== expected) {
    throw damage(file.path, `the file has ${actual} bytes, not ${expected}`, { expected, actual })
  }
  return header
}

function checkBelongs(header: Header, first: Header, number: number, path: string): void {
  const { layout } = header
  const same =
    header.storeId === first.storeId &&
    header.number === number &&
    layout.dimension === first.layout.dimension &&
    layout.stride === first.layout.stride &&
    layout.slotsPerSegment === first.layout.slotsPerSegment
  if (!same) throw damage(path, 'the file belongs to another store or place', { field: 'identity' })
}

/** Reads the checksums; the result is as long as the file says, with room for a whole segment. */
async function readChecksums(
  file: OpenFile,
  first: Header,
  number: number,
): Promise<{ checksums: Uint32Array; present: number }> {
  checkBelongs(await readHeader(file, 'crc'), first, number, file.path)
  const { slotsPerSegment } = first.layout
  const present = Math.floor(((await file.size()) - pageBytes) / 4)
  if (present > slotsPerSegment) {
    throw damage(file.path, `${present} checksums for ${slotsPerSegment} slots`)
  }
  const checksums = new Uint32Array(slotsPerSegment)
  const bytes = new Uint8Array(checksums.buffer, 0, present * 4)
  const length = await readFully(file, bytes, pageBytes)
  if (length < bytes.length) throw damage(file.path, 'the file became shorter while it was read')
  return { checksums, present }
}

/** Without a count of committed slots: a file may have grown in a crash without getting its bytes. */
async function trimUnwritten(
  file: OpenFile,
  layout: SegmentLayout,
  number: number,
  checksums: Uint32Array,
  present: number,
): Promise<number> {
  const vector = new Uint8Array(layout.vectorBytes)
  for (let slot = present - 1; slot >= 0 && checksums[slot] === 0; slot--) {
    await readFully(file, vector, layout.headerBytes + slot * layout.stride)
    if (crc32c(vector, number * layout.slotsPerSegment + slot) === 0) return slot + 1
    present = slot
  }
  return present
}

class Recovery {
  readonly #files: FileOps
  readonly #options: OpenOptions
  readonly #found: Survey

  constructor(files: FileOps, options: OpenOptions, found: Survey) {
    this.#files = files
    this.#options = options
    this.#found = found
  }

  async run(): Promise<Recovered | undefined> {
    const first = await this.#firstHeader()
    if (first !== undefined) this.#checkDimension(first.layout.dimension)
    const recovered = first && (await this.#readSegments(first))
    if (this.#options.readOnly !== true) await this.#dropRest(recovered)
    return recovered
  }

  #path(number: number, kind: 'seg' | 'crc'): string {
    return join(this.#options.path, segmentName(number, kind))
  }

  /** The header all others are compared with; undefined when there is no segment. */
  async #firstHeader(): Promise<Header | undefined> {
    const path = this.#path(0, 'seg')
    if (this.#found.vectors.has(0)) {
      const header = await withFile(this.#files, path, 'read', readSegmentHeader)
      if (header.number !== 0) throw damage(path, 'the file belongs to another place')
      return header
    }
    const needed = this.#options.slots
    const lost = needed === undefined ? this.#found.vectors.size > 0 : needed > 0
    if (lost || (needed === undefined && (await this.#holdsChecksums(0)))) {
      throw damage(path, 'the file is missing', { slots: needed })
    }
    return undefined
  }

  #checkDimension(dimension: number): void {
    if (dimension === this.#options.dimension) return
    throw new AnnulusError(
      'ANNULUS_DIMENSION',
      `${this.#options.path} holds vectors of dimension ${dimension}, not ${this.#options.dimension}`,
      { details: { path: this.#options.path, dimension, expected: this.#options.dimension } },
    )
  }

  async #holdsChecksums(number: number): Promise<boolean> {
    if (!this.#found.checksums.has(number)) return false
    const found = await this.#files.stat(this.#path(number, 'crc'))
    return found !== undefined && found.size > pageBytes
  }

  async #segmentsNeeded(layout: SegmentLayout): Promise<number> {
    if (this.#options.slots !== undefined) {
      // The first segment is kept even when empty, and with it the identity of the store.
      return Math.max(1, Math.ceil(this.#options.slots / layout.slotsPerSegment))
    }
    let needed = Math.max(...this.#found.vectors) + 1
    for (const number of this.#found.checksums) {
      if (number >= needed && (await this.#holdsChecksums(number))) needed = number + 1
    }
    return needed
  }

  async #readSegments(first: Header): Promise<Recovered> {
    const { layout, storeId } = first
    const needed = await this.#segmentsNeeded(layout)
    const segments: StoredSegment[] = []
    let slots = 0
    for (let number = 0; number < needed; number++) {
      const { signal } = this.#options
      if (signal?.aborted) throw new AbortError(signal.reason)
      const last = number === needed - 1
      const { segment, written } = await this.#readSegment(first, number, last)
      segments.push(segment)
      slots += written
    }
    return { storeId, layout, segments, slots }
  }

  async #readSegment(first: Header, number: number, last: boolean) {
    const { layout } = first
    const path = this.#path(number, 'seg')
    const checksumPath = this.#path(number, 'crc')
    for (const [there, name] of [
      [this.#found.vectors.has(number), path],
      [this.#found.checksums.has(number), checksumPath],
    ] as const) {
      if (!there) throw damage(name, 'the file is missing', { slots: this.#options.slots })
    }
    const { checksums, present } = await withFile(this.#files, checksumPath, 'read', (file) =>
      readChecksums(file, first, number),
    )
    const usable = await withFile(this.#files, path, 'read', async (file) => {
      checkBelongs(await readSegmentHeader(file), first, number, path)
      const trim = last && this.#options.slots === undefined
      return trim ? trimUnwritten(file, layout, number, checksums, present) : present
    })
    const written = this.#expected(layout, number, last, usable)
    if (usable < written) {
      throw damage(checksumPath, `${usable} checksums for at least ${written} slots`, {
        slots: this.#options.slots,
      })
    }
    checksums.fill(0, written, present)
    return { segment: { number, path, checksumPath, checksums }, written }
  }

  /** Slots a segment must hold: a later one is begun only when those before are full and durable. */
  #expected(layout: SegmentLayout, number: number, last: boolean, usable: number): number {
    if (!last) return layout.slotsPerSegment
    const { slots } = this.#options
    return slots === undefined ? usable : slots - number * layout.slotsPerSegment
  }

  /** Removes later segments, from the highest down, then the checksums behind the last slot. */
  async #dropRest(recovered: Recovered | undefined): Promise<void> {
    const files = this.#files
    for (const path of this.#found.temporary) await files.remove(path)
    const kept = recovered?.segments.length ?? 0
    const later = [...new Set([...this.#found.vectors, ...this.#found.checksums])]
      .filter((number) => number >= kept)
      .sort((a, b) => b - a)
    for (const number of later) {
      for (const kind of ['seg', 'crc'] as const) {
        const there = kind === 'seg' ? this.#found.vectors : this.#found.checksums
        if (!there.has(number)) continue
        await files.remove(this.#path(number, kind))
        await files.syncDirectory(this.#options.path)
      }
    }
    const last = recovered?.segments.at(-1)
    if (recovered === undefined || last === undefined) return
    const written = recovered.slots - last.number * recovered.layout.slotsPerSegment
    await truncateChecksums(files, last.checksumPath, pageBytes + written * 4)
  }
}

/** Makes the loss of later checksums durable, so that dropped slots never come back. */
async function truncateChecksums(files: FileOps, path: string, length: number): Promise<void> {
  const found = await files.stat(path)
  if (found === undefined || found.size <= length) return
  await withFile(files, path, 'write', async (file) => {
    await file.truncate(length)
    await file.sync()
  })
}

/**
 * Finds the segments of a store; undefined when there are none yet.
 *
 * @throws AnnulusError `ANNULUS_CORRUPT` naming a damaged, shortened or missing file,
 * `ANNULUS_VERSION`, `ANNULUS_DIMENSION`, or what the file operations reject with.
 */
export async function recover(
  files: FileOps,
  options: OpenOptions,
): Promise<Recovered | undefined> {
  return new Recovery(files, options, await survey(files, options.path)).run()
}
