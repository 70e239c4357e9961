// Other versions of Node come from the npm registry as packages: a binary and its headers.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure } from '../failure.mjs'
import { npmCommand, runLogged, tail } from '../processes.mjs'
import { cache } from '../workspace.mjs'

const logs = join(cache, 'logs')

/** The path of a Node binary of that major version, fetched once into node_modules/.cache. */
export async function nodeOfMajor(major) {
  if (!/^\d+$/.test(major ?? '')) throw new Failure('--node takes a major version, such as 24.')
  const directory = join(dirname(cache), `node-${major}`)
  const name = packageName()
  const binary = join(directory, 'node_modules', name, 'bin', 'node')
  if (existsSync(binary)) return binary
  console.log(`install: node ${major}`)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'package.json'), '{"private":true}')
  const log = join(logs, `install-node-${major}.log`)
  const [command, ...before] = npmCommand()
  const flags = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const args = [...before, 'install', ...flags, `--prefix=${directory}`, `${name}@${major}`]
  const code = await runLogged(command, args, { cwd: directory, log })
  if (code !== 0 || !existsSync(binary)) {
    throw new Failure(`${tail(log)}\n\nNode ${major} could not be installed. Full log: ${log}`)
  }
  return binary
}

// The package "node" is only an installer of these.
function packageName() {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'
  return `${prefix}-${process.platform}-${process.arch}`
}
