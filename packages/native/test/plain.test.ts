// Builds and runs the plain C++ test programs of native/test under sanitizers (cached in build/test).
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const directory = join(dirname(dirname(fileURLToPath(import.meta.url))), 'native', 'test')
const tools = ['make', process.env['CXX'] ?? 'g++']
const missing = tools.filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (missing.length > 0) console.warn(`skipping the plain C++ tests: no ${missing.join(', ')}`)

describe('the plain C++ programs', () => {
  it.skipIf(missing.length > 0)('pass under the sanitizers', { timeout: 300_000 }, async () => {
    const make = spawn('make', ['--no-print-directory', '-s', '-j2', '-C', directory, 'check'])
    let output = ''
    for (const stream of [make.stdout, make.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const code = await new Promise((resolve) => make.once('close', resolve))
    expect(code, output).toBe(0)
    for (const program of [
      'distance',
      'crc32c',
      'memory',
      'snapshot',
      'lock',
      'pool',
      'scattered_write',
      'search_queue',
    ]) {
      expect(output).toMatch(new RegExp(`${program}: \\d+ checks, 0 failed`))
    }
  })
})
