// Broken variants of a package's C++, each of which the package's plain C++ test must catch.
//
//   node scripts/mutants.mjs storage-uring [part of a name] [--table]
//
// The variants are listed in the package's native/test/mutants.mjs. Needs g++ and Linux, not Node's headers.
// With --table it prints what caught each as Markdown, for the package's README.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))
const { values, positionals } = parseArgs({
  options: { table: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [name, part = ''] = positionals
if (name === undefined) throw new Error('name a package, such as storage-uring')
const { mutants, run } = await import(join(packages, name, 'native', 'test', 'mutants.mjs'))

const flags = ['-std=c++17', '-O1', '-w', '-pthread', '-MMD', '-Iinclude', '-Inative']
const compiler = (process.env.CXX ?? 'g++').split(' ')
const root = mkdtempSync(join(tmpdir(), 'mutants-'))

function compile(args) {
  const [command, ...first] = compiler
  const { status, stderr } = spawnSync(command, [...first, ...flags, ...args], { cwd: root })
  if (status !== 0) throw new Error(`does not compile: ${stderr}`)
}

function objectOf(source, directory) {
  return join(directory, `${source.replaceAll('/', '-')}.o`)
}

/** Files that went into an object, as the compiler wrote them down. */
function partsOf(source) {
  const rule = readFileSync(join(root, objectOf(source, 'whole').replace(/o$/, 'd')), 'utf8')
  return rule.split(/[\s\\]+/).map((path) => path.replace('native/test/../', 'native/'))
}

/** A copy of the package's C++, with an object of each source that needs no Node. */
function build() {
  cpSync(join(packages, name, 'native'), join(root, 'native'), { recursive: true })
  cpSync(join(packages, 'native', 'include'), join(root, 'include'), { recursive: true })
  for (const directory of ['whole', 'broken']) mkdirSync(join(root, directory))
  const sources = ['native', 'native/test'].flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((file) => file.endsWith('.cpp') && !/^(addon|wrap)/.test(file))
      .map((file) => `${directory}/${file}`),
  )
  for (const source of sources) compile(['-c', source, '-o', objectOf(source, 'whole')])
  return sources.map((source) => ({ source, parts: partsOf(source) }))
}

/** Makes the change; returns what undoes it. */
function change({ file, from, to }) {
  const path = join(root, file)
  const before = readFileSync(path, 'utf8')
  if (!before.includes(from)) throw new Error(`${file} no longer contains: ${from}`)
  writeFileSync(
    path,
    before.replace(from, () => to),
  )
  return () => writeFileSync(path, before)
}

function pathOf(file) {
  return file.startsWith('annulus/') ? `include/${file}` : `native/${file}`
}

/** Whether the test fails, and what it said. */
function outcomeOf(mutant, sources) {
  const changes = (mutant.changes ?? [mutant]).map((each) => ({ ...each, file: pathOf(each.file) }))
  const undo = changes.map(change)
  try {
    const objects = sources.map(({ source, parts }) => {
      if (!changes.some(({ file }) => parts.includes(file))) return objectOf(source, 'whole')
      compile(['-c', source, '-o', objectOf(source, 'broken')])
      return objectOf(source, 'broken')
    })
    compile([...objects, '-o', 'mutant'])
    // coreutils' timeout also ends what the test has forked.
    const limited = ['-s', 'KILL', '60', './mutant', ...run.args]
    const { status, signal, stdout, stderr } = spawnSync('timeout', limited, {
      cwd: root,
      env: { ...process.env, TMPDIR: root },
    })
    if (status === 0) return { caught: false, how: 'passed' }
    if (signal === 'SIGKILL') return { caught: true, how: 'the test never ends' }
    const said = `${stdout}${stderr}`.match(run.says)
    return { caught: true, how: said?.[1] ?? `the test dies (${status})` }
  } finally {
    for (const back of undo.reverse()) back()
  }
}

try {
  const sources = build()
  const chosen = mutants.filter((mutant) => mutant.name.includes(part))
  let missed = 0
  for (const mutant of chosen) {
    const { caught, how } = outcomeOf(mutant, sources)
    if (!caught) missed++
    const mark = caught ? 'caught' : 'MISSED'
    console.log(values.table ? `| ${mutant.name} | ${how} |` : `${mark}  ${mutant.name} (${how})`)
  }
  console.error(`${chosen.length - missed} caught, ${missed} missed`)
  process.exitCode = missed === 0 ? 0 : 1
} finally {
  rmSync(root, { recursive: true, force: true })
}
