// LMDB's file cannot grow any more: the write fails, the process lives, searches go on, and what was
// acknowledged is there afterwards. The child runs what was built.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../dist/faults/limited-child.js', import.meta.url))
/** In blocks of 512 or 1,024 bytes, as the shell has it; within a page, so that a write is cut short. */
const limit = 2_001

async function limited(durability: string): Promise<unknown> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-limited-'))
  try {
    const script = `ulimit -f ${limit}; exec "$0" "$@"`
    const words = [process.execPath, program, directory, durability]
    const { stdout } = await run('sh', ['-c', script, ...words])
    return JSON.parse(stdout)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

describe.skipIf(process.platform === 'win32')('a file of LMDB that cannot grow', () => {
  it('fails the write and latches, and does not end the process', async () => {
    expect(await limited('sync')).toEqual({
      failed: 'ANNULUS_IO',
      again: 'ANNULUS_LATCHED',
      found: 7,
    })
  })

  it.each(['batched', 'none'])(
    'is told by the next write and by closing, %s',
    async (durability) => {
      const seen = await limited(durability)
      expect(seen).toMatchObject({ again: 'ANNULUS_LATCHED', closing: 'ANNULUS_LATCHED', found: 7 })
    },
  )
})
