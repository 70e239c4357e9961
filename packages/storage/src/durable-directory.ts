// A directory that is still there after a power cut, and so is what is synced in it.
import { dirname } from 'node:path'
import { AnnulusError } from '@annulus/native'
import type { FileOps } from './file-ops.js'

/** Creates a directory and its missing parents so that they survive power loss. */
export async function makeDurableDirectory(files: FileOps, path: string): Promise<void> {
  const found = await files.stat(path)
  if (found?.directory === true) return
  if (found !== undefined) {
    throw new AnnulusError('ANNULUS_INVALID_ARGUMENT', `${path} is a file, not a directory`, {
      details: { path, operation: 'open', errno: 'ENOTDIR' },
    })
  }
  const parent = dirname(path)
  await makeDurableDirectory(files, parent)
  await files.makeDirectory(path)
  await files.syncDirectory(parent)
}
