import { describe, it } from 'vitest'
import { testStorage } from '../src/conformance/index.js'
import { preadStorage } from '../src/pread.js'

testStorage(
  { describe, it },
  {
    name: 'pread',
    storage: (options) => preadStorage(options),
    capabilities: {
      persistent: true,
      exclusive: true,
      checksums: true,
      faults: true,
      nativeReader: false,
    },
    runs: 40,
  },
)
