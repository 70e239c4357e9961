import { access, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folders of installed packages: this workspace's and those that came with Node. */
export async function documentationFolders(): Promise<string[]> {
  const here = dirname(fileURLToPath(import.meta.url))
  const prefix = dirname(dirname(await realpath(process.execPath)))
  const candidates = [
    join(here, '../../../../node_modules/.pnpm'),
    join(prefix, 'lib', 'node_modules'),
  ]
  const found: string[] = []
  for (const folder of candidates) {
    const there = await access(folder).then(
      () => true,
      () => false,
    )
    if (there) found.push(folder)
  }
  return found
}
