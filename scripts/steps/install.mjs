// Installs the dependencies with the pnpm that package.json pins, fetched through npm, so that
// Node is all one needs. No install script of any package runs (pnpm-workspace.yaml): what has
// to be compiled is compiled by steps/addons.mjs, once, and nothing is downloaded by a script.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../failure.mjs'
import { npmCommand, runLogged, tail } from '../processes.mjs'
import {
  cache,
  digest,
  isRecorded,
  manifest,
  packageDirectories,
  readJson,
  root,
  writeRecord,
} from '../workspace.mjs'

const record = join(cache, 'installed')
const progressIntervalMs = 3000
const log = join(cache, 'logs', 'install.log')

/**
 * Brings node_modules up to date with the lockfile; quick when it is already.
 *
 * @param {{ updateLockfile?: boolean }} options `updateLockfile` after dependencies were edited
 */
export async function install({ updateLockfile = false } = {}) {
  if (!updateLockfile && isRecorded(record, wanted()) && isPresent()) return
  console.log(`install: ${manifest.packageManager}`)
  const code = await runPnpm([
    'install',
    updateLockfile ? '--no-frozen-lockfile' : '--frozen-lockfile',
    '--reporter=append-only',
    // npm would hand its own level on, with which pnpm says nothing.
    '--loglevel=info',
  ])
  if (code !== 0) throw new Failure(explain(tail(log)))
  writeRecord(record, wanted())
}

function runPnpm(args) {
  const pnpm = ['exec', '--yes', '--loglevel=error', `--package=${manifest.packageManager}`, '--']
  const [command, ...before] = npmCommand()
  return runLogged(command, [...before, ...pnpm, 'pnpm', ...args], {
    cwd: root,
    env: { ...process.env, CI: 'true' },
    log,
    onLine: showProgress(),
  })
}

/** Shows how far pnpm is, but not each time it says so. */
function showProgress() {
  let shownAt = performance.now()
  return (line) => {
    const now = performance.now()
    const isDue = line.endsWith(', done') || now - shownAt > progressIntervalMs
    if (!line.startsWith('Progress') || !isDue) return
    shownAt = now
    console.log(`  ${line}`)
  }
}

function wanted() {
  const manifests = [root, ...packageDirectories()].map((path) => join(path, 'package.json'))
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml'].map((name) => join(root, name))
  return digest([...files, ...manifests], process.platform, process.arch)
}

function isPresent() {
  return [root, ...packageDirectories()].every((directory) => {
    const { dependencies, devDependencies } = readJson(join(directory, 'package.json'))
    const needs = Object.keys({ ...dependencies, ...devDependencies })
    return needs.every((name) => existsSync(join(directory, 'node_modules', name)))
  })
}

function explain(output) {
  const advice = /OUTDATED_LOCKFILE/.test(output)
    ? 'A package.json asks for something the lockfile does not have: run "npm run setup -- --update-lockfile" and commit pnpm-lock.yaml.'
    : 'The package registry of your npm configuration must be reachable for the first install.'
  return `${output}\n\nThe dependencies could not be installed. ${advice}\nFull log: ${log}`
}
