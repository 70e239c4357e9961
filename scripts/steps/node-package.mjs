// Versions of Node come from the npm registry as packages: a binary and its headers.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from '../failure.mjs'
import { npmCommand, runLogged, tail } from '../processes.mjs'
import { cache } from '../workspace.mjs'

/** The path of a Node binary of that major version, fetched once into node_modules/.cache. */
export async function nodeOfMajor(major) {
  if (!/^\d+$/.test(major ?? '')) throw new Failure('--node takes a major version, such as 24.')
  return join(await fetchNode(major), 'bin', 'node')
}

/**
 * Fetches a version of Node once.
 *
 * @returns the directory with its bin/ and include/
 */
export async function fetchNode(version) {
  const directory = join(dirname(cache), `node-${version}`)
  const name = packageName()
  const prefix = join(directory, 'node_modules', name)
  if (existsSync(join(prefix, 'package.json'))) return prefix
  console.log(`install: node ${version}`)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"private":true}')
  const log = join(cache, 'logs', `install-node-${version}.log`)
  const [command, ...before] = npmCommand()
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const args = [...before, 'install', ...flags, `--prefix=${directory}`, `${name}@${version}`]
  const code = await runLogged(command, args, { cwd: directory, log })
  if (code === 0) return prefix
  throw new Failure(`${tail(log)}\n\nNode ${version} could not be installed. Full log: ${log}`)
}

// The package "node" is only an installer of these.
function packageName() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  const platform = process.platform === 'win32' ? 'win' : process.platform
  return `${prefix}-${platform}-${process.arch}`
}
