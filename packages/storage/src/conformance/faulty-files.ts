// File operations that fail on purpose: the n-th of a run, once or from then on. A failing write
// leaves half of its bytes behind, as a real one may. Syncs are counted but not made: what matters
// here is what the code does with the outcome, and real ones would take most of the time.
import { type FileOperation, fileError } from '../file-error.js'
import type { FileLock, FileOps, OpenFile, OpenMode } from '../file-ops.js'
import { nodeFileOps } from '../node-file-ops.js'

export const faultKinds = ['EIO', 'ENOSPC', 'EINTR', 'short'] as const
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  readonly kind: FaultKind
  /** Which operation fails, counted from 1; for `short` only reads and writes count. */
  readonly at: number
  readonly forEver: boolean
}

export class FaultyFiles implements FileOps {
  readonly #fault: Fault | undefined
  #count = 0
  #open = 0
  /** Operations that failed or came up short, in order. */
  readonly hits: FileOperation[] = []

  constructor(fault?: Fault) {
    this.#fault = fault
  }

  /** Files and locks that were not closed. */
  get openHandles(): number {
    return this.#open
  }

  /** Counts an operation and says whether it is to go wrong. */
  #goesWrong(operation: FileOperation): boolean {
    const fault = this.#fault
    if (fault === undefined) return false
    if (fault.kind === 'short' && operation !== 'read' && operation !== 'write') return false
    this.#count++
    const wrong = fault.forEver ? this.#count >= fault.at : this.#count === fault.at
    if (wrong) this.hits.push(operation)
    return wrong
  }

  #error(operation: FileOperation, path: string): Error {
    const kind = this.#fault?.kind
    const cause = Object.assign(new Error(`${kind}: injected`), { code: kind })
    return fileError(cause, operation, path)
  }

  async #try<T>(operation: FileOperation, path: string, run: () => Promise<T>): Promise<T> {
    if (this.#goesWrong(operation)) throw this.#error(operation, path)
    return run()
  }

  async #transfer(
    operation: 'read' | 'write',
    file: OpenFile,
    bytes: Uint8Array,
    position: number,
  ): Promise<number> {
    if (!this.#goesWrong(operation)) return file[operation](bytes, position)
    const half = bytes.subarray(0, Math.ceil(bytes.length / 2))
    if (this.#fault?.kind === 'short') return file[operation](half, position)
    if (operation === 'write') await file.write(half, position)
    throw this.#error(operation, file.path)
  }

  /** One job, but each of its parts counts: what fails has written those before it, and half of its own. */
  async #scatter(file: OpenFile, memory: Uint8Array, parts: Float64Array): Promise<number> {
    if (file.writeScattered === undefined) throw new Error('it was left out')
    for (let at = 0; at < parts.length; at += 3) {
      if (!this.#goesWrong('write')) continue
      // Those that are short or interrupted are resumed where the job is done.
      if (this.#fault?.kind === 'short' || this.#fault?.kind === 'EINTR') continue
      const done = parts.slice(0, at + 3)
      done[at + 1] = Math.ceil((done[at + 1] ?? 0) / 2)
      await file.writeScattered(memory, done)
      throw this.#error('write', file.path)
    }
    return file.writeScattered(memory, parts)
  }

  async #release(operation: FileOperation, path: string, run: () => Promise<void>): Promise<void> {
    this.#open--
    await run()
    if (this.#goesWrong(operation)) throw this.#error(operation, path)
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const file = await this.#try('open', path, () => nodeFileOps.open(path, mode))
    this.#open++
    return {
      path,
      read: (bytes, position) => this.#transfer('read', file, bytes, position),
      write: (bytes, position) => this.#transfer('write', file, bytes, position),
      ...(file.writeScattered !== undefined && {
        writeScattered: (memory, parts) => this.#scatter(file, memory, parts),
      }),
      truncate: (length) => this.#try('truncate', path, () => file.truncate(length)),
      sync: () => this.#try('sync', path, async () => {}),
      size: () => this.#try('stat', path, () => file.size()),
      close: () => this.#release('close', path, () => file.close()),
    }
  }

  async lock(path: string): Promise<FileLock> {
    const lock = await this.#try('lock', path, () => nodeFileOps.lock(path))
    this.#open++
    return { release: () => this.#release('close', path, () => lock.release()) }
  }

  stat(path: string) {
    return this.#try('stat', path, () => nodeFileOps.stat(path))
  }

  list(directory: string) {
    return this.#try('list', directory, () => nodeFileOps.list(directory))
  }

  makeDirectory(path: string) {
    return this.#try('make directory', path, () => nodeFileOps.makeDirectory(path))
  }

  rename(from: string, to: string) {
    return this.#try('rename', from, () => nodeFileOps.rename(from, to))
  }

  remove(path: string) {
    return this.#try('remove', path, () => nodeFileOps.remove(path))
  }

  syncDirectory(path: string) {
    return this.#try('sync directory', path, async () => {})
  }
}
