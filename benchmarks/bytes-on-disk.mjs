import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What a file, or all files of a directory, take on the disk. */
export async function bytesOnDisk(path) {
  const found = await stat(path)
  if (!found.isDirectory()) return found.blocks * 512
  const sizes = await Promise.all(
    (await readdir(path)).map((name) => bytesOnDisk(join(path, name))),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
