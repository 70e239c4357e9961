// The real vector sets that tests use where they are present.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = process.env['ANNULUS_DATA'] ?? resolve(root, '../shared/data')

/** Folder of a real set, or undefined where it is missing. */
export function realSet(name: string): string | undefined {
  const path = join(folder, name)
  return existsSync(join(path, 'meta.json')) ? path : undefined
}
