// Compiles the native addons that are older than their sources, several at a time.
import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join, relative } from 'node:path'
import { Failure } from '../failure.mjs'
import { runLogged, tail } from '../processes.mjs'
import {
  cache,
  digest,
  filesUnder,
  isRecorded,
  packageDirectories,
  packageDirectory,
  readJson,
  root,
  toolEntry,
  writeRecord,
} from '../workspace.mjs'
import { mmapIo } from './mmap-io.mjs'
import { gypEnvironment } from './node-headers.mjs'
import { requireCompiler } from './requirements.mjs'

/** Compiles what is not up to date: our addons and mmap-io. */
export async function buildAddons() {
  const addons = [...ownAddons(), ...mmapIo()].filter((addon) => !addon.isBuilt())
  if (addons.length === 0) return
  requireCompiler()
  const environment = await gypEnvironment()
  const cores = availableParallelism()
  const workers = Math.min(cores, addons.length)
  const jobs = Math.max(1, Math.floor(cores / workers))
  // The longest first, so that none is left to a single core at the end.
  const left = addons.toSorted((one, other) => other.sourceBytes - one.sourceBytes)
  const work = async () => {
    for (let addon = left.shift(); addon !== undefined; addon = left.shift()) {
      await compile(addon, environment, jobs)
    }
  }
  const results = await Promise.allSettled(Array.from({ length: workers }, work))
  const failed = results.find(({ status }) => status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** The packages of this workspace that have a binding.gyp. */
function ownAddons() {
  const shared = join(root, 'packages', 'native')
  const sharedFiles = [join(shared, 'annulus.gypi'), ...filesUnder(join(shared, 'include'))]
  return packageDirectories()
    .filter((directory) => existsSync(join(directory, 'binding.gyp')))
    .map((directory) => {
      const gyp = join(directory, 'binding.gyp')
      const sources = [gyp, ...sharedFiles, ...filesUnder(join(directory, 'native'))]
      const napi = readJson(join(packageDirectory('node-addon-api', directory), 'package.json'))
      const fingerprint = () => digest(sources, napi.version, compilerSettings())
      const record = join(directory, 'build', 'Release', '.annulus-built')
      return {
        name: basename(directory),
        sourceBytes: sourceBytes(join(directory, 'native')),
        directory,
        // Node-API binaries serve every Node version, so which one runs does not matter here.
        isBuilt: () => hasBinary(directory) && isRecorded(record, fingerprint()),
        prepare: () => undefined,
        gypArguments: [],
        environment: {},
        onBuilt: () => writeRecord(record, fingerprint()),
      }
    })
}

function sourceBytes(directory) {
  const units = filesUnder(directory).filter((file) => /\.(cpp|cc)$/.test(file))
  return units.reduce((bytes, file) => bytes + statSync(file).size, 0)
}

function hasBinary(directory) {
  return filesUnder(join(directory, 'build', 'Release')).some((file) => file.endsWith('.node'))
}

function compilerSettings() {
  const names = ['CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'CPPFLAGS', 'LDFLAGS']
  const settings = names.map((name) => process.env[name] ?? '')
  return [process.platform, process.arch, ...settings].join('\n')
}

async function compile(addon, environment, jobs) {
  console.log(`compile: ${addon.name}`)
  const start = performance.now()
  const log = join(cache, 'logs', `compile-${addon.name}.log`)
  addon.prepare()
  const gyp = toolEntry('node-gyp')
  const args = [gyp, 'configure', 'build', `--jobs=${jobs}`, ...addon.gypArguments]
  const code = await runLogged(process.execPath, args, {
    cwd: addon.directory,
    env: { ...environment, ...addon.environment },
    log,
  })
  const shown = relative(process.cwd(), log)
  if (code !== 0) {
    throw new Failure(`${tail(log)}\n\n${addon.name} did not compile. Full log: ${shown}`)
  }
  addon.onBuilt()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`compile: ${addon.name} done in ${seconds} s`)
}
