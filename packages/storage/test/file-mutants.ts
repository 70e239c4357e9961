// Broken storages on segment files: each breaks one thing between the store and the disk.
import { AnnulusError, type ErrorCode } from '@annulus/native'
import type { Capabilities, StorageSubject } from '../src/conformance/index.js'
import type { FileOps, OpenFile } from '../src/file-ops.js'
import { nodeFileOps } from '../src/node-file-ops.js'
import { preadStorage } from '../src/pread.js'
import type { StorageFactory, VectorStorage } from '../src/types.js'
import { bound, changingFiles } from './changing-files.js'
import { Delegate, delegating } from './delegate.js'
import type { Mutant } from './mutants.js'

export const fileCapabilities: Capabilities = {
  persistent: true,
  exclusive: true,
  checksums: true,
  faults: true,
  nativeReader: false,
}

function mutant(
  name: string,
  caughtBy: string,
  storage: StorageSubject['storage'],
  capabilities = fileCapabilities,
): Mutant {
  return { name, caughtBy, subject: { name, storage, capabilities, runs: 4 } }
}

/** Changes what happens to open files. */
function withFiles(
  name: string,
  caughtBy: string,
  change: (file: OpenFile) => Partial<OpenFile>,
): Mutant {
  return mutant(name, caughtBy, ({ files = nodeFileOps, segmentBytesMax }) =>
    preadStorage({ files: changingFiles(files, change), segmentBytesMax }),
  )
}

/** Swallows errors with this code in the calls of a storage. */
function swallowing(code: ErrorCode, method: 'write' | 'flush'): StorageSubject['storage'] {
  class Swallows extends Delegate {
    override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
      const writing = super.write(slots, vectors)
      return method === 'write' ? this.#calm(writing) : writing
    }

    override async flush(): Promise<void> {
      return method === 'flush' ? this.#calm(super.flush()) : super.flush()
    }

    async #calm(promise: Promise<void>): Promise<void> {
      await promise.catch((error: unknown) => {
        if (!(error instanceof AnnulusError) || error.code !== code) throw error
      })
    }
  }
  return (options) => delegating(preadStorage(options), (inner) => new Swallows(inner))
}

/** Reads the files itself and believes them. */
function unchecked({ segmentBytesMax }: { segmentBytesMax?: number }): StorageFactory {
  const factory = preadStorage(segmentBytesMax === undefined ? {} : { segmentBytesMax })
  class Trusts extends Delegate {
    override async read(...parameters: Parameters<VectorStorage['read']>): Promise<Float32Array> {
      return super.read(...parameters).catch((error: unknown) => {
        if (!(error instanceof AnnulusError) || error.code !== 'ANNULUS_CORRUPT') throw error
        return new Float32Array(parameters[0].length * this.dimension)
      })
    }
  }
  return delegating(factory, (inner) => new Trusts(inner))
}

/** Makes the lock of a directory a file like any other. */
function unlocked(options: { files?: FileOps; segmentBytesMax?: number }): StorageFactory {
  const files = options.files ?? nodeFileOps
  const lock = async () => ({ release: async () => {} })
  return preadStorage({ ...options, files: { ...bound(files), lock } })
}

export const fileMutants: readonly Mutant[] = [
  withFiles('ignores failed syncs', 'survives EIO', (file) => ({
    sync: () => file.sync().catch(() => {}),
  })),
  withFiles('ignores failed writes', 'survives ENOSPC', (file) => ({
    write: (bytes, position) => file.write(bytes, position).catch(() => bytes.length),
  })),
  withFiles('takes a short write for a whole one', 'survives short', (file) => ({
    write: async (bytes, position) => {
      await file.write(bytes, position)
      return bytes.length
    },
  })),
  withFiles('leaves files open', 'survives EIO', (file) => ({
    // They are closed in the end, so that the test itself leaks nothing.
    close: async () => {
      setTimeout(() => file.close().catch(() => {}), 100)
    },
  })),
  withFiles('reads beside the vector', 'dimension 100', (file) => ({
    read: async (bytes, position) => file.read(bytes, position - (position > 4096 ? 4 : 0)),
  })),
  mutant(
    'says nothing when the disk is full',
    'survives ENOSPC',
    swallowing('ANNULUS_FULL', 'write'),
  ),
  mutant('flushes in spite of the latch', 'survives EIO', swallowing('ANNULUS_LATCHED', 'flush')),
  mutant('believes damaged vectors', 'flipped', unchecked, { ...fileCapabilities, faults: false }),
  mutant('opens twice', 'is refused while the first is open', unlocked),
  mutant('claims checksums it has not', 'has segment files', unlabelled, {
    ...fileCapabilities,
    faults: false,
  }),
]

function unlabelled(): StorageFactory {
  return preadStorage({
    files: {
      ...bound(nodeFileOps),
      open: (path, mode) => nodeFileOps.open(path.replace('vectors-', 'data-'), mode),
      rename: (from, to) =>
        nodeFileOps.rename(from.replace('vectors-', 'data-'), to.replace('vectors-', 'data-')),
    },
  })
}
