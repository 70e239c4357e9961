// A few dozen kills; `npm run reliability -- kill` makes thousands. The children run what was built.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSupported } from '@annulus/storage-uring'
import { describe, expect, it } from 'vitest'
import { type KillOptions, killLoop } from '../src/kill/loop.js'

async function killed(options: Omit<KillOptions, 'directory'>) {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-reliability-'))
  try {
    return await killLoop({ ...options, directory })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const ring = isSupported().supported
const backends = ['mmap', ...(ring ? (['io_uring'] as const) : [])] as const

describe('a process that is killed while it writes', () => {
  it.each(backends)('loses nothing and does nothing by halves, on %s', async (backend) => {
    const report = await killed({ backend, cycles: 15, seed: 1 })
    expect(report.problems).toEqual([])
    expect(report.kills).toBeGreaterThan(5)
    expect(report.acknowledged).toBeGreaterThan(0)
  })

  it.each(['acknowledges first', 'splits batches'] as const)(
    'is noticed when it %s',
    async (broken) => {
      const report = await killed({ backend: 'mmap', cycles: 60, seed: 1, broken })
      expect(report.problems).toEqual([expect.stringContaining('not one of the possible states')])
    },
  )
})
