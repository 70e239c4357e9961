// The backend that the README shows is this file, and it passes the suite.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testStorage } from '../src/conformance/index.js'
import { mapStorage } from './map-storage.js'

const text = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

describe('the README', () => {
  it('shows the backend that is tested here', () => {
    expect(text('../README.md')).toContain(text('map-storage.ts'))
  })
})

testStorage(
  { describe, it },
  {
    name: 'the backend of the README',
    storage: () => mapStorage(),
    capabilities: {
      persistent: false,
      exclusive: false,
      checksums: false,
      faults: false,
      nativeReader: false,
    },
  },
)
