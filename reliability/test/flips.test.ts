// Some bits of a small database are flipped and some lengths cut; `npm run reliability -- flips` tries
// every one.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { flipBits } from '../src/flips/flips.js'

it('finds damage, or is not touched by it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-flips-'))
  try {
    const report = await flipBits({ directory, backend: 'mmap', step: 4_001 })
    expect(report.problems).toEqual([])
    expect(report.detected).toBeGreaterThan(50)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
