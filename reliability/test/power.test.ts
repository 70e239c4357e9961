// Some states that power cuts leave; `npm run reliability -- power` tries a hundred thousand.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CutOptions, cutPower } from '../src/power/cuts.js'

async function cut(options: Omit<CutOptions, 'directory' | 'seed'>) {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-power-'))
  try {
    return await cutPower({ seed: 1, ...options, directory })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe('a power cut', () => {
  it('loses nothing acknowledged, whatever was on its way to the disk', async () => {
    const report = await cut({ states: 150 })
    expect(report.problems).toEqual([])
    expect(report.states).toBeGreaterThanOrEqual(150)
    expect(report.again).toBeGreaterThan(0)
    expect(report.torn).toBeGreaterThan(0)
  })

  // Each sync is there for a reason: without it, some cut loses something.
  it.each(['.seg', '.crc', 'slots.', '/collections', '/vectors'])(
    'is noticed when %s is not synced',
    async (name) => {
      const report = await cut({ states: 3_000, forgets: (path) => path.includes(name) })
      expect(report.problems).toHaveLength(1)
    },
  )

  it('is noticed when LMDB names pages that are not written yet', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'annulus-power-'))
    try {
      const child = fork(new URL('./meta-first.mjs', import.meta.url), [directory], {
        execArgv: [], // the runner's would resolve packages to their TypeScript
        stdio: 'ignore',
      })
      const [code, signal] = await once(child, 'exit')
      // LMDB trusts its pages: it may end the process over them, which notices it as well.
      expect([code, signal]).not.toEqual([0, null])
      expect([3, null]).toContain(code)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
