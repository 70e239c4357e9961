// Names and sizes of files, and what no file may say.
import { posix } from 'node:path'
import { errorCodes } from './native.js'
import type { Rule, Source } from './sources.js'

type Lengths = Readonly<Record<string, number>>

const linesMax: Lengths = { ts: 300, mjs: 300, h: 400, cpp: 400 }

/**
 * Files past the limit, with the length they may not exceed. A number here only ever goes down;
 * a new entry needs a reason.
 */
export const longFiles: Lengths = {}

/** No file is longer than its own exception or, without one, the limit of its language. */
export function filesAreSmall(exceptions: Lengths): Rule {
  return (sources) =>
    sources.flatMap((source) => {
      const max = exceptions[source.path] ?? limit(source)
      const lines = lineCount(source)
      return lines <= max ? [] : [`${source.path} has ${lines} lines, allowed are ${max}`]
    })
}

/** The other direction: an exception goes when its file has become shorter. */
export function exceptionsAreNeeded(exceptions: Lengths): Rule {
  return (sources) =>
    Object.entries(exceptions).flatMap(([path, max]) => {
      const source = sources.find((each) => each.path === path)
      if (source !== undefined && lineCount(source) > limit(source)) return []
      return [`${path} no longer needs its exception of ${max} lines: remove it from longFiles`]
    })
}

export const namesSayWhatIsInside: Rule = (sources) =>
  sources
    .filter(({ path }) => /(^|[-_./])(utils?|helpers?|misc|common)([-_./]|$)/i.test(path))
    .map(({ path }) => `${path} has a name that says nothing: name what is inside`)

/** A path of somebody's machine, or the host a package was fetched from. */
export const nothingIsTiedToOneMachine: Rule = (sources) => {
  const root = ['', 'work', ''].join('/')
  const home = new RegExp(['', '(home', 'Users)', '\\w+', ''].join('/').replace('/Users', '|Users'))
  const host = /\bregistry\.[a-z]+\.[a-z]+/
  return sources.flatMap(({ path, text }) => [
    ...(text.includes(root) || home.test(text) ? [`${path} names a path of one machine`] : []),
    ...(host.test(text) ? [`${path} names a package registry`] : []),
  ])
}

export const lockfileNamesNoHost: Rule = (sources) =>
  sources
    .filter(({ path }) => path === 'pnpm-lock.yaml')
    .filter(({ text }) => /tarball:|https?:\/\//.test(text))
    .map(({ path }) => `${path} names where packages were fetched from`)

export const errorCodesAreDocumented: Rule = (sources) => {
  const documentation = sources.find(({ path }) => path === 'docs/errors.md')?.text ?? ''
  const headings = [...documentation.matchAll(/^#+ (ANNULUS_[A-Z_]+)$/gm)]
  const documented = headings.flatMap((match) => match[1] ?? [])
  const codes = errorCodes(sources)
  return [
    ...(codes.length === 0 ? ['packages/native/src/errors.ts has no ErrorCode'] : []),
    ...codes
      .filter((code) => !documented.includes(code))
      .map((code) => `docs/errors.md has no heading for ${code}`),
    ...documented
      .filter((code) => !codes.includes(code))
      .map((code) => `docs/errors.md explains ${code}, which does not exist`),
  ]
}

export const errorCodesAreExplained: Rule = (sources) => {
  const documentation = sources.find(({ path }) => path === 'docs/errors.md')?.text ?? ''
  return documentation
    .split(/^#+ (?=ANNULUS_)/m)
    .slice(1)
    .filter(
      (section) => !/\*\*Cause\.\*\* \S/.test(section) || !/\*\*Remedy\.\*\* \S/.test(section),
    )
    .map((section) => `docs/errors.md: ${section.split('\n')[0]} lacks its cause or its remedy`)
}

export const linksLeadSomewhere: Rule = (sources) => {
  const texts = new Map(sources.map(({ path, text }) => [path, text]))
  const exists = (path: string) =>
    texts.has(path) || sources.some((each) => each.path.startsWith(`${path.replace(/\/$/, '')}/`))
  return sources
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\]\(([^)\s]+)\)/g)]
        .flatMap((match) => match[1] ?? [])
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => {
          const [file = '', anchor] = link.split('#')
          const target = file === '' ? path : posix.join(posix.dirname(path), file)
          if (!exists(target)) return true
          return anchor !== undefined && !anchorsOf(texts.get(target) ?? '').includes(anchor)
        })
        .map((link) => `${path} links to ${link}, which is not there`),
    )
}

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function limit({ path }: Source): number {
  return linesMax[posix.extname(path).slice(1)] ?? Number.POSITIVE_INFINITY
}

function lineCount({ text }: Source): number {
  return text.trimEnd().split('\n').length
}
