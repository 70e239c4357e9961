// mmap-io is an optional dependency: everything works where it could not be installed.
import Module from 'node:module'
import { testStorage } from '@annulus/storage/conformance'
import { afterAll, describe, expect, it } from 'vitest'

const resolving = Reflect.get(Module, '_resolveFilename')
let missed = 0
Reflect.set(Module, '_resolveFilename', (request: string, ...rest: unknown[]) => {
  if (request !== 'mmap-io') return Reflect.apply(resolving, Module, [request, ...rest])
  missed++
  throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' })
})
afterAll(() => {
  Reflect.set(Module, '_resolveFilename', resolving)
})
const { mmapStorage } = await import('../src/index.js')

it('was looked for and not found', () => {
  expect(missed).toBe(1)
})

testStorage(
  { describe, it },
  {
    name: 'mmap without mmap-io',
    storage: mmapStorage,
    capabilities: {
      persistent: true,
      exclusive: true,
      checksums: true,
      faults: true,
      nativeReader: true,
    },
  },
)
