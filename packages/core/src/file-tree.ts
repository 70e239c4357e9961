import { join } from 'node:path'
import type { FileOps } from '@annulus/storage'

/** Removes a file or a directory with everything in it; nothing if it does not exist. */
export async function removeTree(path: string, files: FileOps): Promise<void> {
  const found = await files.stat(path)
  if (found === undefined) return
  if (found.directory) {
    for (const name of await files.list(path)) await removeTree(join(path, name), files)
  }
  await files.remove(path)
}
