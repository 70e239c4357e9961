import { testStorage } from '@annulus/storage/conformance'
import { describe, it } from 'vitest'
import { flatFileStorage } from '../flat-file-storage.js'

testStorage(
  { describe, it },
  {
    name: 'flat-file',
    storage: () => flatFileStorage(),
    capabilities: {
      persistent: true,
      exclusive: false,
      checksums: false,
      faults: false,
      nativeReader: false,
    },
  },
)
