// The repository as the structure rules see it: paths and texts, so that a rule can be tried on a
// made-up repository as well.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

export interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** Looks for what must not be; each finding names the file and what is wrong with it. */
export type Rule = (sources: readonly Source[]) => string[]

const generated = new Set(['node_modules', 'build', 'dist', 'prebuilds', 'coverage', '.git'])
const textual =
  /\.(ts|mts|mjs|js|json|jsonc|md|yaml|yml|h|cpp|cc|gyp|gypi|sh)$|(^|\/)[^/.]+$|\/run$/

/** Every text file of the repository, whether committed yet or not. */
export function readSources(root: string): Source[] {
  const found: Source[] = []
  const visit = (directory: string) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory() && !generated.has(entry.name)) visit(path)
      else if (entry.isFile() && textual.test(path)) found.push(read(root, path))
    }
  }
  visit(root)
  return found
}

function read(root: string, path: string): Source {
  return { path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }
}

/** The text without comments, so that an example in a docstring is not taken for code. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** Directory name under packages/, if the file belongs to a package. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1]
}
