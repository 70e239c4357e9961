import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
} from 'node:fs/promises'
import { dirname } from 'node:path'
import { lockFile, punchHole, writeScattered } from '@annulus/native'
import { type FileOperation, fileError } from './file-error.js'
import type { FileLock, FileOps, OpenFile, OpenMode } from './file-ops.js'

/** Bytes of a file whose space is given back before others get their turn on the event loop. */
const discardBytes = 16 << 20

const flags: Record<OpenMode, string> = { read: 'r', write: 'r+', create: 'wx+' }

async function named<T>(operation: FileOperation, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw fileError(error, operation, path)
  }
}

class NodeFile implements OpenFile {
  readonly path: string
  readonly #handle: FileHandle

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  async read(bytes: Uint8Array, position: number): Promise<number> {
    const result = await named('read', this.path, () =>
      this.#handle.read(bytes, 0, bytes.length, position),
    )
    return result.bytesRead
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    const result = await named('write', this.path, () =>
      this.#handle.write(bytes, 0, bytes.length, position),
    )
    return result.bytesWritten
  }

  writeScattered(memory: Uint8Array, parts: Float64Array): Promise<number> {
    return named('write', this.path, () => writeScattered(this.#handle.fd, memory, parts))
  }

  truncate(length: number): Promise<void> {
    return named('truncate', this.path, () => this.#handle.truncate(length))
  }

  async discard(from: number, to: number): Promise<void> {
    for (let at = from; at < to; at += discardBytes) {
      // Space is all that is lost where it fails.
      if (!punchHole(this.path, at, Math.min(discardBytes, to - at))) return
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  sync(): Promise<void> {
    return named('sync', this.path, () => this.#handle.datasync())
  }

  async size(): Promise<number> {
    return (await named('stat', this.path, () => this.#handle.stat())).size
  }

  close(): Promise<void> {
    return named('close', this.path, () => this.#handle.close())
  }
}

/** Directories cannot be opened on Windows; NTFS journals their entries by itself. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  await named('sync directory', path, async () => {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  })
}

async function statOrNothing(path: string) {
  return named('stat', path, async () => {
    try {
      const found = await stat(path)
      return { size: found.size, directory: found.isDirectory() }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    }
  })
}

async function lock(path: string): Promise<FileLock> {
  const held = await lockFile(path)
  return { release: async () => held.release() }
}

/** Not by mkdir's own `recursive`, which never ends where a directory exists and takes none, as in /proc. */
async function makeDirectory(path: string): Promise<void> {
  const parent = dirname(path)
  if (parent !== path && (await statOrNothing(parent)) === undefined) await makeDirectory(parent)
  try {
    await mkdir(path, 0o700)
  } catch (error) {
    if ((await statOrNothing(path))?.directory !== true) throw error
  }
}

async function removeOne(path: string): Promise<void> {
  const found = await lstat(path)
  await (found.isDirectory() ? rmdir(path) : rm(path))
}

/** The file operations of this process, on node:fs/promises. */
export const nodeFileOps: FileOps = {
  open: async (path, mode) =>
    new NodeFile(path, await named('open', path, () => open(path, flags[mode], 0o600))),
  stat: statOrNothing,
  list: async (path) => (await named('list', path, () => readdir(path))).sort(),
  makeDirectory: (path) => named('make directory', path, () => makeDirectory(path)),
  rename: (from, to) => named('rename', from, () => rename(from, to)),
  remove: (path) => named('remove', path, () => removeOne(path)),
  syncDirectory,
  lock,
  freeBytes: async (path) => {
    const { bavail, blocks, bsize } = await named('stat', path, () => statfs(path))
    return blocks === 0 ? undefined : bavail * bsize
  },
}
