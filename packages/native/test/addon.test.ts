import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { loadAddon } from '../src/index.js'

it('a package without a binary says how to get one', () => {
  const module = pathToFileURL(
    join(dirname(fileURLToPath(import.meta.url)), 'nowhere', 'src', 'native.js'),
  )
  expect(() => loadAddon(module.href)).toThrow(
    expect.objectContaining({
      code: 'ANNULUS_UNSUPPORTED',
      message: expect.stringContaining('npm rebuild'),
    }),
  )
})
