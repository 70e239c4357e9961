// The C++ half: what knows Node-API, and where an addon is loaded.
import { posix } from 'node:path'
import { importsOf } from './imports.js'
import { packageOf, type Rule, type Source, withoutComments } from './sources.js'

const setupHeader = 'packages/native/include/annulus/napi_setup.h'
const loader = 'packages/native/src/addon.ts'

export const onlyOneHeaderIncludesNapi: Rule = (sources) =>
  sources
    .filter(({ path, text }) => isNative(path) && /#\s*include\s*[<"](napi|node_api)/.test(text))
    .filter(({ path }) => path !== setupHeader)
    .map(({ path }) => `${path} includes Node-API itself; include <annulus/napi_setup.h>`)

/** Everything but addon.cpp and wrap*.cpp must build as a plain program (sanitizers, fuzzers). */
export const algorithmsAreFreeOfNapi: Rule = (sources) => {
  const files = new Map(sources.map((source) => [source.path, source]))
  return sources
    .filter(({ path }) => /^packages\/[^/]+\/native\//.test(path) && isNative(path))
    .filter(({ path }) => !/^(addon|wrap.*)\.(cpp|h)$/.test(posix.basename(path)))
    .flatMap(({ path }) => {
      const route = routeToNapi(path, files, new Set())
      return route === undefined ? [] : [`${path} knows Node-API: ${route.join(' includes ')}`]
    })
}

export const addonsAreLoadedOnce: Rule = (sources) =>
  sources
    .filter(({ path }) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && path !== loader)
    .flatMap(({ path, text }) => {
      const loads = /\bloadAddon\s*[<(]/.test(withoutComments(text))
      const byItself = importsOf(text).some((name) => /^node-gyp-build$|\.node$/.test(name))
      if (byItself) return [`${path} loads a binary by itself; use loadAddon of @annulus/native`]
      if (loads && !/^packages\/[^/]+\/src\/native\.ts$/.test(path)) {
        return [`${path} loads an addon; only src/native.ts of a package does`]
      }
      return []
    })

export const addonPackagesHaveTheirLoader: Rule = (sources) => {
  const texts = new Map(sources.map(({ path, text }) => [path, text]))
  return sources
    .filter(({ path }) => /^packages\/[^/]+\/binding\.gyp$/.test(path))
    .map(({ path }) => `packages/${packageOf(path)}/src/native.ts`)
    .filter((path) => !/\bloadAddon</.test(texts.get(path) ?? ''))
    .map((path) => `${path} should load the addon of its package`)
}

/** The compiler checks codes in TypeScript; those in C++ are plain strings. */
export const nativeErrorCodesExist: Rule = (sources) => {
  const codes = new Set(errorCodes(sources))
  return sources
    .filter(({ path }) => isNative(path))
    .flatMap(({ path, text }) =>
      [...withoutComments(text).matchAll(/(?<!getenv\()"(ANNULUS_[A-Z_]+)"/g)]
        .flatMap((match) => match[1] ?? [])
        .filter((code) => !codes.has(code))
        .map((code) => `${path} uses ${code}, which is not an ErrorCode`),
    )
}

/** The union ErrorCode of @annulus/native. */
export function errorCodes(sources: readonly Source[]): string[] {
  const file = sources.find(({ path }) => path === 'packages/native/src/errors.ts')
  const union = /export type ErrorCode =([\s\S]*?)\n\n/.exec(file?.text ?? '')?.[1] ?? ''
  return [...union.matchAll(/'([A-Z_]+)'/g)].flatMap((match) => match[1] ?? [])
}

function isNative(path: string): boolean {
  return /^packages\/.*\.(h|cpp|cc)$/.test(path)
}

function routeToNapi(
  path: string,
  files: ReadonlyMap<string, Source>,
  seen: Set<string>,
): string[] | undefined {
  if (path === setupHeader) return [path]
  seen.add(path)
  const text = files.get(path)?.text ?? ''
  for (const match of text.matchAll(/^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm)) {
    const included = locate(match[1] ?? '', path, files)
    if (included === undefined || seen.has(included)) continue
    const rest = routeToNapi(included, files, seen)
    if (rest !== undefined) return [path, ...rest]
  }
  return undefined
}

function locate(name: string, from: string, files: ReadonlyMap<string, Source>) {
  const places = [
    posix.join(posix.dirname(from), name),
    `packages/${packageOf(from)}/native/${name}`,
    `packages/native/include/${name}`,
  ]
  return places.find((place) => files.has(place))
}
