import { describe, it } from 'vitest'
import { testStorage } from '../src/conformance/index.js'
import { memoryStorage } from '../src/memory.js'

const capabilities = {
  persistent: false,
  exclusive: true,
  checksums: false,
  faults: false,
  nativeReader: false,
}

testStorage(
  { describe, it },
  { name: 'memory', storage: () => memoryStorage(), capabilities, runs: 200 },
)

testStorage(
  { describe, it },
  {
    name: 'memory that keeps',
    storage: () => memoryStorage({ keep: true }),
    capabilities: { ...capabilities, persistent: true },
    runs: 200,
  },
)
