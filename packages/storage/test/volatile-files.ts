// A file system in memory that loses power. What was not synced may be there or not, sector by sector,
// in any combination; a file's sync makes its bytes certain, a directory's sync its names.
import { dirname } from 'node:path'
import { fileError } from '../src/file-error.js'
import type { FileOps, OpenFile, OpenMode } from '../src/file-ops.js'

const sectorBytes = 512

type Change =
  | { readonly position: number; readonly bytes: Uint8Array }
  | { readonly length: number }
type NameChange = { readonly set?: readonly [string, Node]; readonly remove?: string }

class Inode {
  readonly directory = false
  now: Uint8Array = new Uint8Array(0)
  durable: Uint8Array = new Uint8Array(0)
  pending: Change[] = []
}
type Node = Inode | { readonly directory: true }

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length)
  out.set(bytes.subarray(0, length))
  return out
}

function written(old: Uint8Array, bytes: Uint8Array, position: number): Uint8Array {
  const out = old.length < position + bytes.length ? resized(old, position + bytes.length) : old
  out.set(bytes, position)
  return out
}

function systemError(errno: string): Error {
  return Object.assign(new Error(errno), { code: errno })
}

export interface VolatileOptions {
  /** Syncs that do nothing although they say so: the bug that a power cut shows. */
  readonly forgets?: (operation: 'sync' | 'sync directory', path: string) => boolean
}

export class VolatileFiles implements FileOps {
  /** Operations until the power fails. */
  operationsLeft = Number.POSITIVE_INFINITY
  operations = 0
  readonly #options: VolatileOptions
  #names = new Map<string, Node>([['/', { directory: true }]])
  #durableNames = new Map(this.#names)
  #pendingNames: { readonly parent: string; readonly change: NameChange }[] = []
  #locks = new Set<string>()

  constructor(options: VolatileOptions = {}) {
    this.#options = options
  }

  /** Takes the power away; `random` gives numbers in [0, 1). Afterwards it is back. */
  crash(random: () => number): void {
    const inodes = new Set([...this.#names.values(), ...this.#durableNames.values()])
    for (const { change } of this.#pendingNames) {
      if (random() < 0.5) apply(this.#durableNames, change)
      if (change.set !== undefined) inodes.add(change.set[1])
    }
    for (const inode of inodes) if (inode instanceof Inode) settle(inode, random)
    // Sorted, so that a directory comes before what it holds.
    this.#names = new Map([['/', { directory: true }]])
    for (const [path, node] of [...this.#durableNames].sort()) {
      if (this.#names.has(dirname(path))) this.#names.set(path, node)
    }
    this.#durableNames = new Map(this.#names)
    this.#pendingNames = []
    this.#locks.clear()
    this.operationsLeft = Number.POSITIVE_INFINITY
  }

  /** The bytes of a file, to look at or to damage; what is done to them is durable. */
  bytes(path: string): Uint8Array {
    return this.#inode('read', path).now
  }

  setBytes(path: string, bytes: Uint8Array): void {
    const inode = this.#inode('write', path)
    inode.now = bytes
    inode.durable = bytes.slice()
    inode.pending = []
  }

  paths(): string[] {
    return [...this.#names.keys()]
  }

  #step(): void {
    this.operations++
    if (this.operationsLeft-- <= 0) throw fileError(systemError('EIO'), 'write', 'the power failed')
  }

  #inode(operation: 'read' | 'write' | 'open', path: string): Inode {
    const node = this.#names.get(path)
    if (node instanceof Inode) return node
    throw fileError(systemError(node === undefined ? 'ENOENT' : 'EISDIR'), operation, path)
  }

  #change(path: string, change: NameChange): void {
    apply(this.#names, change)
    this.#pendingNames.push({ parent: dirname(path), change })
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    this.#step()
    if (mode === 'create') {
      if (this.#names.has(path)) throw fileError(systemError('EEXIST'), 'open', path)
      this.#change(path, { set: [path, new Inode()] })
    }
    return this.#file(path, this.#inode('open', path))
  }

  #file(path: string, inode: Inode): OpenFile {
    return {
      path,
      read: async (bytes, position) => {
        const found = inode.now.subarray(position, position + bytes.length)
        bytes.set(found)
        return found.length
      },
      write: async (bytes, position) => {
        this.#step()
        inode.now = written(inode.now, bytes, position)
        inode.pending.push({ position, bytes: bytes.slice() })
        return bytes.length
      },
      truncate: async (length) => {
        this.#step()
        inode.now = resized(inode.now, length)
        inode.pending.push({ length })
      },
      sync: async () => {
        this.#step()
        if (this.#options.forgets?.('sync', path)) return
        inode.durable = inode.now.slice()
        inode.pending = []
      },
      size: async () => inode.now.length,
      close: async () => {},
    }
  }

  async stat(path: string) {
    const node = this.#names.get(path)
    if (node === undefined) return undefined
    return { size: node instanceof Inode ? node.now.length : 0, directory: node.directory }
  }

  async list(directory: string): Promise<string[]> {
    const names = [...this.#names.keys()].filter((path) => dirname(path) === directory)
    return names.map((path) => path.slice(directory.length + 1)).sort()
  }

  async makeDirectory(path: string): Promise<void> {
    this.#step()
    if (!this.#names.has(path)) this.#change(path, { set: [path, { directory: true }] })
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step()
    this.#change(to, { set: [to, this.#inode('open', from)], remove: from })
  }

  async remove(path: string): Promise<void> {
    this.#step()
    this.#inode('open', path)
    this.#change(path, { remove: path })
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step()
    if (this.#options.forgets?.('sync directory', path)) return
    const certain = this.#pendingNames.filter(({ parent }) => parent === path)
    this.#pendingNames = this.#pendingNames.filter(({ parent }) => parent !== path)
    for (const { change } of certain) apply(this.#durableNames, change)
  }

  async lock(path: string) {
    this.#step()
    if (this.#locks.has(path)) throw fileError(systemError('EAGAIN'), 'lock', path)
    this.#locks.add(path)
    return {
      release: async () => {
        this.#locks.delete(path)
      },
    }
  }
}

function apply(names: Map<string, Node>, { set, remove }: NameChange): void {
  if (remove !== undefined) names.delete(remove)
  if (set !== undefined) names.set(...set)
}

/** Whole, nothing, or some sectors of each change that was not synced. */
function settle(inode: Inode, random: () => number): void {
  for (const change of inode.pending) {
    const fate = random()
    if (fate < 0.3) continue
    if ('length' in change) {
      inode.durable = resized(inode.durable, change.length)
      continue
    }
    const { position, bytes } = change
    // A file may have grown although its bytes never arrived.
    if (random() < 0.5 && inode.durable.length < position + bytes.length) {
      inode.durable = resized(inode.durable, position + bytes.length)
    }
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes))
      const arrives = fate > 0.6 || random() < 0.5
      if (arrives) inode.durable = written(inode.durable, bytes.subarray(at, end), position + at)
      at = end
    }
  }
  inode.pending = []
  inode.now = inode.durable.slice()
}
