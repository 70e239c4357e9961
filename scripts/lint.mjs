// npm run lint: formatting and rules of TypeScript and C++, and the types of tests and examples.
// npm run format: applies what can be applied.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, main } from './failure.mjs'
import { runVisibly } from './processes.mjs'
import { install } from './steps/install.mjs'
import { root, toolEntry } from './workspace.mjs'

const fix = process.argv.includes('--fix')

await main(async () => {
  await install()
  const checks = [
    ['biome', toolEntry('@biomejs/biome', 'biome'), biomeArguments()],
    ['clang-format', toolEntry('clang-format'), clangFormatArguments()],
    ['types of tests', toolEntry('typescript', 'tsc'), ['-p', 'tsconfig.test.json']],
  ]
  const failed = []
  for (const [name, entry, args] of checks) {
    const code = await runVisibly(process.execPath, [entry, ...args], { cwd: root })
    if (code !== 0) failed.push(name)
  }
  if (failed.length === 0) return
  const remedy = fix ? '' : ' "npm run format" repairs what can be repaired.'
  throw new Failure(`Not in order: ${failed.join(', ')}.${remedy}`)
})

function biomeArguments() {
  return ['check', '--error-on-warnings', ...(fix ? ['--write'] : []), '.']
}

function clangFormatArguments() {
  const mode = fix ? ['-i'] : ['--dry-run', '-Werror']
  return [...mode, '--style=file', ...sources(['*.h', '*.cpp', '*.cc'])]
}

/** Files of this repository, new ones included, ignored ones not. */
function sources(patterns) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z', '--', ...patterns]
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Failure('"npm run lint" works in a git clone only.')
  return stdout.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))
}
