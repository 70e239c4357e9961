// The seam under everything that writes: one object, so that a test can make any operation fail.
import { AnnulusError } from '@annulus/native'
import { fileError } from './file-error.js'

/** `read`: existing, read only. `write`: existing, read and write. `create`: must not exist yet. */
export type OpenMode = 'read' | 'write' | 'create'

export interface OpenFile {
  readonly path: string
  /** Reads into `bytes`; may be short, 0 at the end of the file. */
  read(bytes: Uint8Array, position: number): Promise<number>
  /** Writes from `bytes`; may be short. */
  write(bytes: Uint8Array, position: number): Promise<number>
  /**
   * Writes parts of `memory` whole, each at its place in the file, as one operation; returns the milliseconds
   * of CPU time it took. `parts` holds three numbers a part: its first byte in `memory`, its bytes, its
   * position in the file. Left out where that gains nothing over `write` (see `writeParts`).
   */
  writeScattered?(memory: Uint8Array, parts: Float64Array): Promise<number>
  truncate(length: number): Promise<void>
  /**
   * Gives the space of [from, to) back where the file system can: the file keeps its length, and that
   * part may read as zeros from now on. Left out where there is nothing to give back.
   */
  discard?(from: number, to: number): Promise<void>
  /** Makes the file's data, and its size, survive power loss. */
  sync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
}

export interface FileLock {
  release(): Promise<void>
}

/**
 * File operations. Each rejects with an AnnulusError made by `fileError`; none retries anything.
 * New files are readable by their owner only.
 */
export interface FileOps {
  open(path: string, mode: OpenMode): Promise<OpenFile>
  /** What is at the path; undefined when nothing is. */
  stat(path: string): Promise<{ readonly size: number; readonly directory: boolean } | undefined>
  /** Names in a directory, sorted. */
  list(directory: string): Promise<string[]>
  /** Creates a directory and its parents; does nothing if it exists. */
  makeDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or an empty directory. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals in the directory survive power loss. */
  syncDirectory(path: string): Promise<void>
  /**
   * Takes an exclusive lock on a file (created if missing) that ends with the process.
   * Rejects with `ANNULUS_LOCKED` when somebody holds it, this process included.
   */
  lock(path: string): Promise<FileLock>
  /** Bytes that can still be written to the disk of `path`; undefined where it does not tell. */
  freeBytes?(path: string): Promise<number | undefined>
}

const interruptionsMax = 16

function wasInterrupted(error: unknown): boolean {
  return error instanceof AnnulusError && error.details['errno'] === 'EINTR'
}

async function resume(
  file: OpenFile,
  bytes: Uint8Array,
  position: number,
  operation: 'read' | 'write',
): Promise<number> {
  let done = 0
  let interruptions = 0
  while (done < bytes.length) {
    try {
      const count = await file[operation](bytes.subarray(done), position + done)
      if (count === 0) break
      done += count
    } catch (error) {
      if (!wasInterrupted(error) || ++interruptions > interruptionsMax) throw error
    }
  }
  return done
}

/** Reads until `bytes` is full or the file ends; returns the number of bytes read. */
export function readFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<number> {
  return resume(file, bytes, position, 'read')
}

/** Writes all of `bytes`, resuming short and interrupted writes. */
export async function writeFully(
  file: OpenFile,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  const done = await resume(file, bytes, position, 'write')
  if (done < bytes.length) {
    throw fileError(new Error('the system accepted no more bytes'), 'write', file.path)
  }
}

/**
 * Writes parts of `memory`, as `OpenFile.writeScattered`, one at a time where the file has none. Returns
 * milliseconds: of CPU time, or of the time it took where nothing else is known.
 */
export async function writeParts(
  file: OpenFile,
  memory: Uint8Array,
  parts: Float64Array,
): Promise<number> {
  if (file.writeScattered !== undefined) return file.writeScattered(memory, parts)
  const start = performance.now()
  for (let at = 0; at < parts.length; at += 3) {
    const [from = 0, bytes = 0, position = 0] = parts.subarray(at, at + 3)
    await writeFully(file, memory.subarray(from, from + bytes), position)
  }
  return performance.now() - start
}
