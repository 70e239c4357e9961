// Some bits of a small database are flipped and some lengths cut; `npm run reliability -- bits` tries
// every one of each file, `-- flips` opens the whole database each time.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { damage, flipEveryBit } from '../src/flips/every-bit.js'
import { emptyReport, flipBits } from '../src/flips/flips.js'

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-flips-'))
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

it('finds damage when opening, or is not touched by it', async () => {
  const report = await inDirectory((directory) =>
    flipBits({ directory, backend: 'mmap', step: 4_001 }),
  )
  expect(report.problems).toEqual([])
  expect(report.detected).toBeGreaterThan(50)
})

it('finds damage in each file, or is not touched by it', async () => {
  const report = await inDirectory((directory) => flipEveryBit({ directory, step: 97 }))
  expect(report.problems).toEqual([])
  expect(report.detected).toBeGreaterThan(3_000)
})

it('is noticed when a file is read unchecked', async () => {
  const report = emptyReport()
  await inDirectory(async (directory) => {
    const file = join(directory, 'unchecked')
    const written = Buffer.from('what was written')
    await writeFile(file, written)
    await damage(file, async (bytes) => written.equals(bytes), {}, report)
    expect(await readFile(file)).toEqual(written)
  })
  expect(report.problems).toEqual([expect.stringContaining('bit 0: read as something else')])
})
