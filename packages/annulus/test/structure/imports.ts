// Who may know whom (docs/architecture.md).
import { posix } from 'node:path'
import { packageOf, type Rule, type Source, withoutComments } from './sources.js'

/** Imports run one way; only `annulus` knows a storage backend. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  native: [],
  storage: ['native'],
  'storage-mmap': ['native', 'storage'],
  'storage-uring': ['native', 'storage'],
  quantization: ['native'],
  hnsw: ['native', 'quantization'],
  core: ['native', 'storage', 'quantization', 'hnsw'],
  annulus: ['native', 'storage', 'storage-mmap', 'storage-uring', 'quantization', 'hnsw', 'core'],
}

/** Files and folders that may touch the file system; all others go through FileOps or keep no files. */
export const fileSystemUsers: Readonly<Record<string, string>> = {
  'packages/native/src/memory.ts': 'asks the system how much memory is left',
  'packages/storage/src/node-file-ops.ts': 'FileOps for the file system itself',
  'packages/storage/src/conformance/': 'makes and damages the directories of storages under test',
  'packages/storage-mmap/src/mapping.ts': 'opens the descriptor that is mapped',
  'packages/storage-mmap/src/storage.ts': 'tells whether a damaged segment was cut short',
  'packages/storage-uring/src/support.ts': 'asks the kernel why it denies io_uring',
  'packages/annulus/src/bench/':
    'drops the files of a database from the page cache, writes reports',
  'packages/annulus/src/cli/': 'reads and writes the files its arguments name',
  'packages/annulus/src/demo/': 'looks for text on this machine',
  'packages/annulus/src/import/': 'reads data sets',
}

export const importsRunOneWay: Rule = (sources) =>
  sourceFiles(sources).flatMap(({ path, text }) => {
    const own = packageOf(path) ?? ''
    return importsOf(text).flatMap((specifier) => {
      const other = workspacePackage(specifier)
      if (other === undefined || other === own || mayImport[own]?.includes(other)) return []
      return [`${path} imports ${specifier}, which ${own} may not know`]
    })
  })

export const manifestsRunOneWay: Rule = (sources) =>
  manifests(sources).flatMap(({ path, own, dependencies }) =>
    dependencies.flatMap((name) => {
      const other = workspacePackage(name)
      if (other === undefined || mayImport[own]?.includes(other)) return []
      return [`${path} depends on ${name}, which ${own} may not know`]
    }),
  )

export const importsAreDeclared: Rule = (sources) => {
  const declared = new Map(manifests(sources).map((each) => [each.own, each.dependencies]))
  return sourceFiles(sources).flatMap(({ path, text }) => {
    const own = packageOf(path) ?? ''
    return importsOf(text)
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier)
      .filter((name) => workspacePackage(name) !== own && !declared.get(own)?.includes(name))
      .map((name) => `${path} imports ${name}, which its package.json does not list`)
  })
}

export const packagesKeepToThemselves: Rule = (sources) =>
  sources
    .filter(({ path }) => path.endsWith('.ts') && packageOf(path) !== undefined)
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter((specifier) => specifier.startsWith('.'))
        .filter((specifier) => {
          const target = posix.join(posix.dirname(path), specifier)
          return packageOf(target) !== packageOf(path)
        })
        .map((specifier) => `${path} reaches into another package by ${specifier}`),
    )

export const projectReferencesFollowDependencies: Rule = (sources) => {
  const texts = new Map(sources.map(({ path, text }) => [path, text]))
  return manifests(sources).flatMap(({ own, dependencies }) => {
    const path = `packages/${own}/tsconfig.json`
    const config: { references?: { path: string }[] } = JSON.parse(texts.get(path) ?? '{}')
    const referenced = (config.references ?? []).map((each) => posix.basename(each.path)).sort()
    const wanted = dependencies.flatMap((name) => workspacePackage(name) ?? []).sort()
    if (referenced.join() === wanted.join()) return []
    return [
      `${path} references ${referenced.join() || 'nothing'}, dependencies say ${wanted.join()}`,
    ]
  })
}

export const fileSystemIsBehindFileOps: Rule = (sources) =>
  usersOfTheFileSystem(sources)
    .filter((path) => !Object.keys(fileSystemUsers).some((allowed) => path.startsWith(allowed)))
    .map((path) => `${path} uses node:fs; go through FileOps or name it in fileSystemUsers`)

/** The other direction: a permission that nobody needs any more is taken back. */
export function permissionsAreUsed(permissions: Readonly<Record<string, string>>): Rule {
  return (sources) =>
    Object.keys(permissions)
      .filter((allowed) => !usersOfTheFileSystem(sources).some((path) => path.startsWith(allowed)))
      .map((allowed) => `${allowed} may use node:fs and does not: remove it from fileSystemUsers`)
}

function usersOfTheFileSystem(sources: readonly Source[]): string[] {
  return sourceFiles(sources)
    .filter(({ text }) => importsOf(text).some((name) => /^(node:)?fs(\/promises)?$/.test(name)))
    .map(({ path }) => path)
}

/** Everything a module imports, statically or not. */
export function importsOf(text: string): string[] {
  const pattern =
    /\b(?:from\s+|import\s+|(?:import|require|require\.resolve)\s*\(\s*)['"]([^'"\n]+)['"]/g
  return [...withoutComments(text).matchAll(pattern)].flatMap((match) => match[1] ?? [])
}

function workspacePackage(specifier: string): string | undefined {
  if (/^annulus($|\/)/.test(specifier)) return 'annulus'
  return /^@annulus\/([^/]+)/.exec(specifier)?.[1]
}

function sourceFiles(sources: readonly Source[]): Source[] {
  return sources.filter(({ path }) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
}

function manifests(sources: readonly Source[]) {
  return sources
    .filter(({ path }) => /^packages\/[^/]+\/package\.json$/.test(path))
    .map(({ path, text }) => {
      const manifest: Partial<Record<'dependencies' | 'peerDependencies', object>> =
        JSON.parse(text)
      const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
      return { path, own: packageOf(path) ?? '', dependencies: names }
    })
}
