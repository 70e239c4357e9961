// The published suite on the other ways this backend reads: buffered, a ring two deep, no ring.
import { afterAll, beforeAll, describe, it } from 'vitest'
import { denyVariable } from '../src/index.js'
import { conforms } from './conformance.js'
import { noRing } from './site.js'

if (noRing === undefined) {
  conforms('io_uring, buffered', { direct: false }, false)
  conforms('io_uring, direct and two deep', { direct: true, queueDepth: 2 }, false)
} else {
  it.skip(`the ring, buffered and two deep: ${noRing}`, () => {})
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
  conforms('io_uring, fallback', { fallbackThreads: 2 }, false)
})
