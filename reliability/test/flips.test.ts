// Some bits of a small database are flipped and some lengths cut; `npm run reliability -- bits` tries
// every one of each file, `-- flips` opens the whole database each time.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { damage, flipEveryBit } from '../src/flips/every-bit.js'
import { build, emptyReport, flipBits, openDamaged } from '../src/flips/flips.js'
import { openSite, storageOf } from '../src/site.js'

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

it('is noticed when a point is not there any more and nothing says so', async () => {
  const outcomes = await inDirectory(async (directory) => {
    const path = join(directory, 'database')
    await build(path, 'mmap')
    const attempt = async () => {
      const bytes = await readFile(join(path, 'annulus.mdb'))
      return openDamaged(path, join(directory, 'copy'), 'annulus.mdb', bytes, 'mmap')
    }
    const sound = await attempt()
    const { db, collection } = await openSite({ path, storage: storageOf('mmap') })
    await collection.delete('p7')
    await db.close()
    return [sound, await attempt()]
  })
  expect(outcomes).toEqual(['harmless', { wrong: expect.stringContaining('49 points') }])
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
