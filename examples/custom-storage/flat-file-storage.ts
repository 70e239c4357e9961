// A storage backend of one's own: all vectors one after the other in a single file, and beside it the
// dimension. BaseStorage checks arguments, orders writes, latches failures and waits in close; what is
// left to a backend is here.
import { type FileHandle, mkdir, open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import {
  BaseStorage,
  checkOpenOptions,
  type OpenOptions,
  type StorageFactory,
  slotRuns,
  slotsToKeep,
} from '@annulus/storage'

class FlatFileStorage extends BaseStorage {
  readonly #file: FileHandle
  readonly #vectorBytes: number

  constructor(file: FileHandle, dimension: number, slots: number) {
    super({ backend: 'flat-file', dimension, slots })
    this.#file = file
    this.#vectorBytes = dimension * 4
  }

  protected override async _write(slots: Uint32Array, vectors: Float32Array): Promise<void> {
    const length = this.#vectorBytes
    const bytes = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength)
    for (const { slot, from, count } of slotRuns(slots)) {
      await this.#writeAll(bytes.subarray(from * length, (from + count) * length), slot * length)
    }
  }

  async #writeAll(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const rest = bytes.subarray(done)
      done += (await this.#file.write(rest, 0, rest.length, position + done)).bytesWritten
    }
  }

  protected override async _read(slots: Uint32Array): Promise<Float32Array> {
    const vectors = new Float32Array(slots.length * this.dimension)
    const bytes = new Uint8Array(vectors.buffer)
    const reads = Array.from(slots, (slot, i) => this.#readVector(slot, bytes, i))
    await Promise.all(reads)
    return vectors
  }

  protected override _flush(): Promise<void> {
    return this.#file.datasync()
  }

  protected override _close(): Promise<void> {
    return this.#file.close()
  }

  async #readVector(slot: number, into: Uint8Array, i: number): Promise<void> {
    const length = this.#vectorBytes
    const { bytesRead } = await this.#file.read(into, i * length, length, slot * length)
    if (bytesRead === length) return
    throw new AnnulusError('ANNULUS_CORRUPT', `slot ${slot} is cut short`, { details: { slot } })
  }
}

/** The dimension this directory was created with. */
async function fixDimension(path: string, dimension: number): Promise<void> {
  const name = join(path, 'dimension')
  await writeFile(name, String(dimension), { flag: 'wx', flush: true }).catch(() => {})
  const found = Number(await readFile(name, 'utf8'))
  if (found === dimension) return
  throw new AnnulusError('ANNULUS_DIMENSION', `${path} has dimension ${found}, not ${dimension}`)
}

async function openFlatFile(options: OpenOptions): Promise<FlatFileStorage> {
  checkOpenOptions(options)
  const { path, dimension } = options
  await mkdir(path, { recursive: true })
  await fixDimension(path, dimension)
  const name = join(path, 'vectors.f32')
  const { size } = await stat(name).catch(() => ({ size: 0 }))
  const kept = slotsToKeep(options, Math.floor(size / (dimension * 4)))
  const file = await open(name, 'r+').catch(() => open(name, 'wx+'))
  // What was not committed is dropped, so that it never comes back.
  await file.truncate(kept * dimension * 4)
  return new FlatFileStorage(file, dimension, kept)
}

/** Vectors in one flat file: `open(path, { storage: flatFileStorage() })`. */
export function flatFileStorage(): StorageFactory {
  return { name: 'flat-file', open: openFlatFile }
}
