// Builds and runs the plain C++ test of native/test under the sanitizers (cached in build/test).
import { spawn, spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { noRing } from './site.js'

const directory = join(dirname(dirname(fileURLToPath(import.meta.url))), 'native', 'test')
const tools = ['make', process.env['CXX'] ?? 'g++']
const missing = tools.filter((tool) => spawnSync(tool, ['--version']).status !== 0)
if (process.platform !== 'linux') missing.push('Linux')
if (missing.length > 0) console.warn(`skipping the plain C++ test: no ${missing.join(', ')}`)

describe('the engine on a fake kernel', () => {
  it.skipIf(missing.length > 0)('passes under the sanitizers', { timeout: 300_000 }, async () => {
    const make = spawn('make', ['--no-print-directory', '-s', '-j2', '-C', directory, 'check'])
    let output = ''
    for (const stream of [make.stdout, make.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    const code = await new Promise((resolve) => make.once('close', resolve))
    expect(code, output).toBe(0)
    // Two builds and the storms, on the fake kernel and, where it allows a ring, on this one.
    expect(output.match(/^passed$/gm), output).toHaveLength(noRing === undefined ? 7 : 3)
  })
})
