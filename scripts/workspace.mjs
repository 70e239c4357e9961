// Where things are in this repository, and small records of what was done already.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** Logs and records live here: they vanish with node_modules, as what they describe does. */
export const cache = join(root, 'node_modules', '.cache', 'annulus')

export const manifest = readJson(join(root, 'package.json'))

/** Directories of the workspace's packages, the root excepted. */
export function packageDirectories() {
  const parents = ['packages', 'examples'].map((name) => join(root, name)).filter(existsSync)
  const inside = parents.flatMap((parent) => readdirSync(parent).map((name) => join(parent, name)))
  const single = ['benchmarks', 'reliability'].map((name) => join(root, name))
  return [...inside, ...single].filter((directory) => existsSync(join(directory, 'package.json')))
}

export function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** The path of a tool's JavaScript entry, to be run with this very Node. */
export function toolEntry(packageName, binary = packageName) {
  const directory = join(root, 'node_modules', packageName)
  const { bin } = readJson(join(directory, 'package.json'))
  return join(directory, typeof bin === 'string' ? bin : bin[binary])
}

/** Resolves a package from inside another one, as Node would. */
export function packageDirectory(name, from) {
  return dirname(createRequire(join(from, 'package.json')).resolve(`${name}/package.json`))
}

/** A digest of the contents of files (names count too) and of any other text. */
export function digest(files, ...others) {
  const hash = createHash('sha256')
  for (const file of files) {
    hash.update(`\0${file}\0`)
    hash.update(existsSync(file) ? readFileSync(file) : '')
  }
  for (const text of others) hash.update(`\0${text}`)
  return hash.digest('hex')
}

/** All files under a directory, sorted. */
export function filesUnder(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Whether the record says that this very work was done. */
export function isRecorded(record, value) {
  return existsSync(record) && readFileSync(record, 'utf8') === value
}

export function writeRecord(record, value) {
  mkdirSync(dirname(record), { recursive: true })
  writeFileSync(record, value)
}
