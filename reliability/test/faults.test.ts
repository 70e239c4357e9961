// Some operations of a life fail; `npm run reliability -- faults` fails each of them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sweepFaults } from '../src/faults/sweep.js'

async function swept(step: number, silent: boolean) {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-faults-'))
  try {
    return await sweepFaults({ directory, step, silent })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe('a file operation that fails', () => {
  it('is no false acknowledgement, costs nothing acknowledged, leaves nothing open', async () => {
    const report = await swept(83, false)
    expect(report.problems).toEqual([])
    expect(report.injected).toBeGreaterThan(100)
  })

  it('is noticed when it is not reported', async () => {
    expect((await swept(5, true)).problems).toHaveLength(1)
  })
})
