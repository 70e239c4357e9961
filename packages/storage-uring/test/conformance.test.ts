// The published suite on every way this backend reads: direct, buffered, a ring two deep, no ring.
import { testStorage } from '@annulus/storage/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { denyVariable, isSupported, type UringStorageOptions, uringStorage } from '../src/index.js'

const capabilities = {
  persistent: true,
  exclusive: true,
  checksums: true,
  faults: true,
  nativeReader: true,
} as const

function conforms(name: string, options: UringStorageOptions): void {
  testStorage(
    { describe, it },
    { name, storage: (given) => uringStorage({ ...options, ...given }), capabilities },
  )
}

if (isSupported().supported) {
  conforms('io_uring, direct', { direct: true })
  conforms('io_uring, buffered', { direct: false })
  conforms('io_uring, two deep', { queueDepth: 2 })
} else {
  it.skip(`io_uring itself: ${isSupported().reason}`, () => {})
}

describe('without a ring', () => {
  const before = process.env[denyVariable]
  beforeAll(() => {
    process.env[denyVariable] = 'EPERM'
  })
  afterAll(() => {
    if (before === undefined) delete process.env[denyVariable]
    else process.env[denyVariable] = before
  })
  conforms('io_uring, fallback', { fallbackThreads: 2 })
})
