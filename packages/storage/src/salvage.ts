// Reads what is intact from segment files that a store refuses to open: every vector is judged by its own
// checksum, and no file has to be whole. Nothing is changed.
import { join } from 'node:path'
import { AnnulusError, crc32c } from '@annulus/native'
import { checkOpenOptions, checkOptions, openOptionNames } from './arguments.js'
import { type FileOps, type OpenFile, readFully } from './file-ops.js'
import type { FileKind } from './header.js'
import { layoutOf, segmentName } from './layout.js'
import { nodeFileOps } from './node-file-ops.js'
import { readHeader, withFile } from './segment-files.js'
import type { SegmentLayout } from './segments.js'
import type { OpenOptions } from './types.js'

export interface SalvageOptions extends OpenOptions {
  /** The file operations everything goes through; default `nodeFileOps`. */
  readonly files?: FileOps | undefined
}

export class Salvage {
  readonly layout: SegmentLayout
  readonly #options: SalvageOptions
  readonly #files: FileOps
  #open: { readonly number: number; readonly pair: (OpenFile | undefined)[] } | undefined

  constructor(layout: SegmentLayout, options: SalvageOptions) {
    this.layout = layout
    this.#options = options
    this.#files = options.files ?? nodeFileOps
  }

  /** The vector of a slot; undefined when it cannot be had intact. Not to be called concurrently. */
  async read(slot: number): Promise<Float32Array | undefined> {
    const { slotsPerSegment, headerBytes, stride, dimension } = this.layout
    const [vectors, checksums] = await this.#pair(Math.floor(slot / slotsPerSegment))
    if (vectors === undefined || checksums === undefined) return undefined
    const index = slot % slotsPerSegment
    const vector = new Float32Array(dimension)
    const bytes = new Uint8Array(vector.buffer)
    const sum = Buffer.alloc(4)
    const whole =
      (await lengthOf(vectors, bytes, headerBytes + index * stride)) === bytes.length &&
      (await lengthOf(checksums, sum, headerBytes + index * 4)) === 4
    return whole && sum.readUInt32LE(0) === crc32c(bytes, slot) ? vector : undefined
  }

  async close(): Promise<void> {
    const { pair } = this.#open ?? { pair: [] }
    this.#open = undefined
    for (const file of pair) await file?.close().catch(() => {})
  }

  async #pair(number: number): Promise<(OpenFile | undefined)[]> {
    if (this.#open?.number !== number) {
      await this.close()
      const kinds: FileKind[] = ['seg', 'crc']
      const paths = kinds.map((kind) => join(this.#options.path, segmentName(number, kind)))
      const opening = paths.map((path) => this.#files.open(path, 'read').catch(() => undefined))
      this.#open = { number, pair: await Promise.all(opening) }
    }
    return this.#open.pair
  }
}

/** A part that cannot be read is as lost as one that is not there. */
function lengthOf(file: OpenFile, bytes: Uint8Array, position: number): Promise<number> {
  return readFully(file, bytes, position).catch(() => 0)
}

/**
 * Opens what there is of a store for reading what is intact. The layout is that of the first header that
 * is; without any, that of a new store.
 *
 * @throws AnnulusError the codes of bad arguments, `ANNULUS_DIMENSION`.
 */
export async function openSalvage(options: SalvageOptions): Promise<Salvage> {
  checkOptions('openSalvage', options, [...openOptionNames, 'files'])
  const { files = nodeFileOps, ...opening } = options
  checkOpenOptions(opening)
  const names = await files.list(options.path).catch(() => [])
  for (const name of names) {
    const kind = /^vectors-\d{6,9}\.(seg|crc)$/.exec(name)?.[1]
    if (kind !== 'seg' && kind !== 'crc') continue
    const path = join(options.path, name)
    const header = await withFile(files, path, 'read', (file) => readHeader(file, kind)).catch(
      () => undefined,
    )
    if (header === undefined) continue
    if (header.layout.dimension === options.dimension) return new Salvage(header.layout, options)
    throw new AnnulusError(
      'ANNULUS_DIMENSION',
      `${path} holds vectors of dimension ${header.layout.dimension}, not ${options.dimension}`,
      { details: { path, dimension: header.layout.dimension, expected: options.dimension } },
    )
  }
  return new Salvage(layoutOf(options.dimension), options)
}
