// How this package's test files run the published suite.
import { testStorage } from '@annulus/storage/conformance'
import { describe, it } from 'vitest'
import { type UringStorageOptions, uringStorage } from '../src/index.js'

/**
 * Declares the suite for a storage with these options. `faults` are those of writing, which is the
 * same however we read: one way has to show them.
 */
export function conforms(name: string, options: UringStorageOptions, faults: boolean): void {
  testStorage(
    { describe, it },
    {
      name,
      storage: (given) => uringStorage({ ...options, ...given }),
      capabilities: {
        persistent: true,
        exclusive: true,
        checksums: true,
        faults,
        nativeReader: true,
      },
      runs: faults ? 20 : 5,
    },
  )
}
