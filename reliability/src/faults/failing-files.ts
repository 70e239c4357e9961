// File operations of which the n-th fails, once or from then on, on the file system itself.
import {
  type FileOperation,
  type FileOps,
  fileError,
  nodeFileOps,
  type OpenFile,
} from '@annulus/storage'

export const faultKinds = ['EIO', 'ENOSPC', 'EINTR', 'short'] as const

export interface Fault {
  readonly kind: (typeof faultKinds)[number]
  /** Counted from 1; for `short` only reads and writes count. */
  readonly at: number
  readonly forEver: boolean
  /** Reads count as well. */
  readonly reads: boolean
  /** A bug on purpose: the failure is not reported. */
  readonly silent?: boolean
}

export interface FailingFiles extends FileOps {
  /** Operations that went wrong. */
  readonly injected: number
  /** Open files and locks. */
  readonly handles: number
}

export function failingFiles(fault: Fault): FailingFiles {
  let count = 0
  let injected = 0
  let handles = 0
  const fails = (transfer: boolean) => {
    if (fault.kind === 'short' && !transfer) return false
    count++
    const hit = fault.forEver ? count >= fault.at : count === fault.at
    if (hit) injected++
    return hit
  }
  async function run<T>(what: FileOperation, path: string, work: () => Promise<T>): Promise<T> {
    if (fails(false) && fault.silent !== true) throw failure(what, path)
    return work()
  }
  async function transfer(
    what: 'read' | 'write',
    path: string,
    bytes: Uint8Array,
    work: (part: Uint8Array) => Promise<number>,
  ): Promise<number> {
    if (!fails(true)) return work(bytes)
    const half = bytes.subarray(0, Math.ceil(bytes.length / 2))
    const done = await work(half)
    if (fault.kind === 'short') return done
    if (fault.silent === true) return bytes.length
    throw failure(what, path)
  }
  /** One job, but each of its parts counts: what fails has written those before it, and half of its own. */
  async function scatter(file: OpenFile, memory: Uint8Array, parts: Float64Array): Promise<number> {
    for (let at = 0; at < parts.length; at += 3) {
      // Short and interrupted ones are resumed where the job is done.
      if (!fails(true) || fault.kind === 'short' || fault.kind === 'EINTR') continue
      const done = parts.slice(0, at + 3)
      done[at + 1] = Math.ceil((done[at + 1] ?? 0) / 2)
      const cpuMs = await file.writeScattered?.(memory, done)
      if (fault.silent === true) return cpuMs ?? 0
      throw failure('write', file.path)
    }
    return (await file.writeScattered?.(memory, parts)) ?? 0
  }
  const failure = (what: FileOperation, path: string) =>
    fileError(Object.assign(new Error(`${fault.kind} injected`), { code: fault.kind }), what, path)
  return {
    get injected() {
      return injected
    },
    get handles() {
      return handles
    },
    open: async (path, mode) => {
      const file = await run('open', path, () => nodeFileOps.open(path, mode))
      handles++
      return {
        path,
        read: (bytes, at) =>
          fault.reads
            ? transfer('read', path, bytes, (part) => file.read(part, at))
            : file.read(bytes, at),
        write: (bytes, at) => transfer('write', path, bytes, (part) => file.write(part, at)),
        ...(file.writeScattered !== undefined && {
          writeScattered: (memory, parts) => scatter(file, memory, parts),
        }),
        truncate: (length) => run('truncate', path, () => file.truncate(length)),
        sync: () => run('sync', path, async () => {}),
        size: () => run('stat', path, () => file.size()),
        close: async () => {
          handles--
          await file.close()
        },
      }
    },
    stat: (path) => run('stat', path, () => nodeFileOps.stat(path)),
    list: (path) => run('list', path, () => nodeFileOps.list(path)),
    makeDirectory: (path) => run('make directory', path, () => nodeFileOps.makeDirectory(path)),
    rename: (from, to) => run('rename', from, () => nodeFileOps.rename(from, to)),
    remove: (path) => run('remove', path, () => nodeFileOps.remove(path)),
    syncDirectory: (path) => run('sync directory', path, async () => {}),
    lock: async (path) => {
      const lock = await run('lock', path, () => nodeFileOps.lock(path))
      handles++
      return {
        release: async () => {
          handles--
          await lock.release()
        },
      }
    },
  }
}
