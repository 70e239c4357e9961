// Builds and runs native/test/plain_test.cpp under the sanitizers (cached in build).
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const directory = join(dirname(dirname(fileURLToPath(import.meta.url))), 'native')
const tools = ['make', process.env['CXX'] ?? 'g++']
const missing = tools.filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (missing.length > 0) console.warn(`skipping the plain C++ tests: no ${missing.join(', ')}`)

it.skipIf(missing.length > 0)(
  'beams and choices of links do what their plain descriptions say',
  { timeout: 300_000 },
  () => {
    const made = spawnSync('make', ['--no-print-directory', '-s', '-C', directory, 'check'], {
      encoding: 'utf8',
    })
    expect(made.status, made.stderr).toBe(0)
    expect(made.stdout).toMatch(/plain: \d+ checks, 0 failed/)
  },
)
