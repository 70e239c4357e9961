// Files in memory that remember every operation, so that the power can be cut after any of them:
// what a cut may leave is made afterwards, as often as one likes.
import { dirname } from 'node:path'
import { type FileOps, fileError, type OpenFile, type OpenMode } from '@annulus/storage'

/** One operation; files are numbered in the order of their creation. */
export type Recorded =
  | {
      readonly kind: 'write'
      readonly file: number
      readonly position: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly file: number; readonly length: number }
  | { readonly kind: 'sync'; readonly file: number }
  | {
      readonly kind: 'name'
      readonly set: readonly [string, number] | undefined
      readonly remove: string | undefined
      readonly directories: readonly string[]
    }
  | { readonly kind: 'sync directory'; readonly path: string }

/** Of a directory. */
export const directoryNumber = -1

export interface RecorderOptions {
  /** Syncs that do nothing although they say so: the bug that a power cut shows. */
  readonly forgets?: ((path: string) => boolean) | undefined
  /** Called before an operation is recorded, with the number of those before it. */
  readonly onOperation?: ((operations: number) => void) | undefined
}

export class Recorder implements FileOps {
  readonly log: Recorded[] = []
  readonly #names: Map<string, number>
  readonly #contents: Uint8Array[]
  readonly #locks = new Set<string>()
  readonly #options: RecorderOptions
  /** Open files and locks. */
  handles = 0

  constructor(
    options: RecorderOptions = {},
    names: ReadonlyMap<string, number> = new Map([['/', directoryNumber]]),
    contents: readonly Uint8Array[] = [],
  ) {
    this.#options = options
    this.#names = new Map(names)
    this.#contents = [...contents]
  }

  #record(operation: Recorded): void {
    this.#options.onOperation?.(this.log.length)
    this.log.push(operation)
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    if (mode === 'create') {
      if (this.#names.has(path)) throw failure('EEXIST', path)
      this.#contents.push(new Uint8Array())
      this.#name(path, this.#contents.length - 1)
    }
    this.handles++
    return this.#file(path, this.#find(path))
  }

  #file(path: string, file: number): OpenFile {
    const content = () => this.#contents[file] ?? new Uint8Array()
    return {
      path,
      read: async (bytes, position) => {
        const found = content().subarray(position, position + bytes.length)
        bytes.set(found)
        return found.length
      },
      write: async (bytes, position) => {
        this.#contents[file] = written(content(), bytes, position)
        this.#record({ kind: 'write', file, position, bytes: bytes.slice() })
        return bytes.length
      },
      truncate: async (length) => {
        this.#contents[file] = resized(content(), length)
        this.#record({ kind: 'truncate', file, length })
      },
      sync: async () => {
        if (!this.#options.forgets?.(path)) this.#record({ kind: 'sync', file })
      },
      size: async () => content().length,
      close: async () => {
        this.handles--
      },
    }
  }

  async stat(path: string) {
    const file = this.#names.get(path)
    if (file === undefined) return undefined
    return { size: this.#contents[file]?.length ?? 0, directory: file === directoryNumber }
  }

  async list(directory: string): Promise<string[]> {
    const inside = [...this.#names.keys()].filter((path) => dirname(path) === directory)
    return inside.map((path) => path.slice(directory.length + 1)).sort()
  }

  async makeDirectory(path: string): Promise<void> {
    if (this.#names.has(path)) return
    await this.makeDirectory(dirname(path))
    this.#name(path, directoryNumber)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#name(to, this.#find(from), from)
  }

  async remove(path: string): Promise<void> {
    this.#find(path)
    this.#name(undefined, directoryNumber, path)
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.#options.forgets?.(path)) this.#record({ kind: 'sync directory', path })
  }

  async lock(path: string) {
    if (this.#locks.has(path)) throw failure('EAGAIN', path)
    this.#locks.add(path)
    this.handles++
    return {
      release: async () => {
        this.#locks.delete(path)
        this.handles--
      },
    }
  }

  #find(path: string): number {
    const file = this.#names.get(path)
    if (file === undefined) throw failure('ENOENT', path)
    return file
  }

  #name(to: string | undefined, file: number, from?: string): void {
    if (from !== undefined) this.#names.delete(from)
    if (to !== undefined) this.#names.set(to, file)
    const directories = [from, to].flatMap((path) => (path === undefined ? [] : dirname(path)))
    const set = to === undefined ? undefined : ([to, file] as const)
    this.#record({ kind: 'name', set, remove: from, directories })
  }
}

export function resized(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  out.set(bytes.subarray(0, length))
  return out
}

/** A copy with `bytes` at `position`. */
export function written(old: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const out = resized(old, Math.max(old.length, position + bytes.length))
  out.set(bytes, position)
  return out
}

function failure(errno: string, path: string): Error {
  return fileError(Object.assign(new Error(errno), { code: errno }), 'open', path)
}
