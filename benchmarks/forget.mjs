import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { dropPageCache } from '@annulus/native'

/** Takes the files below a directory, or those whose names end so, out of the page cache. No root needed. */
export function forget(directory, ending = '') {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name.endsWith(ending)) {
      dropPageCache(join(entry.parentPath, entry.name))
    }
  }
}
