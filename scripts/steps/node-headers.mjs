// Node's own C++ headers. Most installations carry them beside the binary; using those spares a
// download and certainly fits the running Node.
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Failure } from '../failure.mjs'
import { fetchNode } from './node-package.mjs'

/**
 * The environment for node-gyp: the running Node first on the PATH, and `nodedir` set to headers
 * that fit it. A nodedir of the user's configuration is respected unless its headers belong to
 * another version of Node. Without any, they come from the npm registry, and failing that node-gyp
 * downloads them from Node's own site.
 */
export async function gypEnvironment(environment = process.env) {
  const configured = Object.entries(environment).find(([name]) => isNodedir(name))?.[1]
  const others = Object.entries(environment).filter(([name]) => !isNodedir(name))
  const installed = [configured, dirname(dirname(process.execPath))].find(fits)
  const nodedir = installed ?? (await fetched())
  return {
    ...Object.fromEntries(others),
    PATH: `${dirname(process.execPath)}${delimiter}${environment.PATH ?? ''}`,
    ...(nodedir === undefined ? {} : { npm_config_nodedir: nodedir }),
  }
}

function isNodedir(name) {
  return name.toLowerCase() === 'npm_config_nodedir'
}

function fits(directory) {
  if (directory === undefined || directory === '') return false
  const versionHeaders = ['include/node/node_version.h', 'src/node_version.h']
  const header = versionHeaders.map((name) => join(directory, name)).find(existsSync)
  return header !== undefined && headerVersion(header) === process.versions.node
}

function headerVersion(header) {
  const text = readFileSync(header, 'utf8')
  const part = (name) => new RegExp(`define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1]
  return `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`
}

async function fetched() {
  try {
    const directory = await fetchNode(process.versions.node)
    return fits(directory) ? directory : undefined
  } catch (error) {
    if (error instanceof Failure) return undefined
    throw error
  }
}
