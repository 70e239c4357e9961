// The published declarations hold in applications of either way to resolve modules.
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
)
const application = fileURLToPath(new URL('consumer.ts', import.meta.url))

it.each([
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
])('an application of module %s, resolved by %s, compiles', async (module, resolution) => {
  const options = `--ignoreConfig --noEmit --skipLibCheck --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess
    --target es2022 --lib es2022,esnext.disposable --types node --module ${module} --moduleResolution ${resolution}`
  const args = [compiler, ...options.split(/\s+/), application]
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((failed) => failed)
  expect(stdout).toBe('')
})
