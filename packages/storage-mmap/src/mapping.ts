// The one file that knows mmap-io: it types what this package uses of it, and hides its habits. mmap-io is compiled
// against V8, so a new version of Node may find no binary of it and no way to compile one; it is an optional
// dependency, and where it is missing the reader maps the file itself.
import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { AnnulusError } from '@annulus/native'
import { fileError } from '@annulus/storage'

// Its own typings declare constants as types and a default export that the module does not have.
interface MmapIo {
  readonly PROT_READ: number
  readonly MAP_SHARED: number
  readonly MADV_RANDOM: number
  map(
    size: number,
    protection: number,
    flags: number,
    descriptor: number,
    offset: number,
    advice: number,
  ): Buffer
}

const mmap = loadMmapIo()

/** While it loads, mmap-io's binary finder reads the command line of the program as its own (`--dir` and all). */
function loadMmapIo(): MmapIo | undefined {
  const given = process.argv
  process.argv = given.slice(0, 1)
  try {
    return createRequire(import.meta.url)('mmap-io')
  } catch {
    return undefined
  } finally {
    process.argv = given
  }
}

const outOfMemory = 12

/** mmap-io reports the errno at the end of a message and nowhere else. */
function mappingError(cause: unknown, path: string): AnnulusError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const errno = Number(/(\d+)$/.exec(reason)?.[1] ?? Number.NaN)
  const details = { path, operation: 'map', errno }
  if (errno !== outOfMemory) {
    return new AnnulusError('ANNULUS_IO', `mapping ${path} failed: ${reason}`, { cause, details })
  }
  return new AnnulusError(
    'ANNULUS_LIMIT',
    `no room to map ${path}: the process has too many mappings (vm.max_map_count) or too little address space; larger segments need fewer mappings`,
    { cause, details },
  )
}

/**
 * Has a segment file mapped at its full and final size, read only and shared: `add` gets the mapping, or the open file
 * to map where mmap-io is missing. Pages are read at random, so the kernel is told not to read around them. Nothing
 * may touch the buffer's bytes on the event loop. It is unmapped when collected; whoever reads for longer maps the
 * pages once more.
 *
 * @throws AnnulusError by errno, `ANNULUS_CORRUPT` when the file is shorter than `bytes`; what `add` throws.
 */
export async function mapSegment(
  path: string,
  bytes: number,
  add: (mapping: Buffer | number) => void,
): Promise<void> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw fileError(cause, 'open', path)
  })
  try {
    const { size } = await file.stat()
    if (size < bytes) {
      throw new AnnulusError('ANNULUS_CORRUPT', `${path} has ${size} bytes instead of ${bytes}`, {
        details: { path, bytes: size, expected: bytes },
      })
    }
    add(mmap === undefined ? file.fd : mapped(mmap, file.fd, path, bytes))
  } finally {
    await file.close() // the mapping keeps the file itself
  }
}

function mapped(io: MmapIo, descriptor: number, path: string, bytes: number): Buffer {
  try {
    return io.map(bytes, io.PROT_READ, io.MAP_SHARED, descriptor, 0, io.MADV_RANDOM)
  } catch (cause) {
    throw mappingError(cause, path)
  }
}
