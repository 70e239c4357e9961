// Real text that every machine with Node has: the documentation of the installed packages.
import { createHash } from 'node:crypto'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'

export interface Passage {
  readonly text: string
  /** Name of the package the text documents. */
  readonly package: string
  /** File inside that package. */
  readonly file: string
}

const passageChars = { min: 60, max: 1_200 }

/**
 * Passages of the Markdown files (paragraphs) and source files (doc comments with what they
 * document) below the given folders; each text once.
 */
export async function readPassages(
  roots: readonly string[],
  limit: number,
  onFile?: (passages: number) => void,
): Promise<Passage[]> {
  const seen = new Set<string>()
  const passages: Passage[] = []
  for (const root of roots) {
    for await (const path of documents(root, new Set())) {
      const text = await readFile(path, 'utf8')
      const pieces = path.endsWith('.md') ? paragraphs(text) : docComments(text)
      for (const piece of pieces) {
        const digest = createHash('sha1').update(piece).digest('base64')
        if (seen.has(digest)) continue
        seen.add(digest)
        passages.push({ text: piece, ...origin(path, root) })
        if (passages.length >= limit) return passages
      }
      onFile?.(passages.length)
    }
  }
  return passages
}

async function* documents(folder: string, visited: Set<string>): AsyncGenerator<string> {
  const real = await realpath(folder).catch(() => undefined)
  if (real === undefined || visited.has(real)) return
  visited.add(real)
  const entries = await readdir(real, { withFileTypes: true }).catch(() => [])
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(real, entry.name)
    if (entry.isDirectory()) yield* documents(path, visited)
    else if (entry.isFile() && /\.(md|h|[cm]?[jt]s)$/i.test(entry.name)) yield path
  }
}

function paragraphs(markdown: string): string[] {
  const prose = markdown.replace(/```[\s\S]*?```/g, '\n\n').replace(/<[^>\n]{1,300}>/g, ' ')
  return keepReadable(prose.split(/\n\s*\n/))
}

function docComments(declarations: string): string[] {
  const found: string[] = []
  for (const match of declarations.matchAll(/\/\*\*([\s\S]*?)\*\/\s*([^\n]*)/g)) {
    const comment = (match[1] ?? '').replace(/^\s*\*\s?/gm, '')
    found.push(`${(match[2] ?? '').trim()} ${comment}`)
  }
  return keepReadable(found)
}

function keepReadable(pieces: readonly string[]): string[] {
  return pieces
    .map((piece) => piece.replace(/\s+/g, ' ').trim().slice(0, passageChars.max))
    .filter((piece) => piece.length >= passageChars.min && /[a-z]{3,} [a-z]{2,} /i.test(piece))
}

function origin(path: string, root: string): { package: string; file: string } {
  const parts = path.split(sep)
  const at = parts.lastIndexOf('node_modules')
  if (at < 0)
    return {
      package: dirname(relative(root, path)).split(sep)[0] ?? '',
      file: relative(root, path),
    }
  const scoped = parts[at + 1]?.startsWith('@') === true
  const end = at + (scoped ? 3 : 2)
  return { package: parts.slice(at + 1, end).join('/'), file: parts.slice(end).join('/') }
}
