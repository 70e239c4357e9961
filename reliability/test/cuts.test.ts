// A few power cuts on a mounted disk, where ANNULUS_DISK names a program that mounts one; `npm run
// reliability -- cuts` makes a thousand. The children run what was built.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type StrikeOptions, strikeLoop } from '../src/disk/strike-loop.js'

const program = process.env['ANNULUS_DISK'] ?? ''

async function struck(options: Pick<StrikeOptions, 'strike' | 'strikes' | 'forgets'>) {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-cuts-'))
  try {
    return await strikeLoop({ program, directory, backend: 'mmap', seed: 1, ...options })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe.skipIf(program === '')('a power cut of a mounted disk', { timeout: 300_000 }, () => {
  it('loses nothing acknowledged', async () => {
    const report = await struck({ strike: 'cut', strikes: 10 })
    expect(report.problems).toEqual([])
    expect(report.inspections).toBeGreaterThan(0)
  })

  it('and a failure of LMDB lose nothing acknowledged', async () => {
    const report = await struck({ strike: 'fault', strikes: 10 })
    expect(report.problems).toEqual([])
    expect(report.injected).toBeGreaterThan(0)
  })

  it.each(['.seg', '.crc', 'slots.', '/vectors'])(
    'is noticed when %s is not synced',
    async (forgets) => {
      expect((await struck({ strike: 'cut', strikes: 400, forgets })).problems).not.toEqual([])
    },
  )
})
