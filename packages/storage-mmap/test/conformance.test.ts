import { testStorage } from '@annulus/storage/conformance'
import { describe, it } from 'vitest'
import { mmapStorage } from '../src/index.js'

testStorage(
  { describe, it },
  {
    name: 'mmap',
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
