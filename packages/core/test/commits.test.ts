// The order of commits: one at a time, those that wait together, none after a failure.
import type { Key, RootDatabase } from 'lmdb'
import { describe, expect, it } from 'vitest'
import { Commits } from '../src/commits.js'
import { Latch } from '../src/latch.js'

/** Stands for LMDB: each batch ends when it is told how. */
class Batches {
  readonly begun: { settle: (error?: Error) => void }[] = []

  batch(write: () => void): Promise<boolean> {
    write()
    return new Promise((resolve, reject) => {
      this.begun.push({
        settle: (error) => (error === undefined ? resolve(true) : reject(error)),
      })
    })
  }
}

function commits() {
  const batches = new Batches()
  const root = batches as unknown as RootDatabase<Buffer, Key>
  const latch = new Latch()
  return { batches, latch, commits: new Commits(root, latch) }
}

const turn = () => new Promise(setImmediate)

describe('commits', () => {
  it('come one at a time, and those that wait come together', async () => {
    const { batches, commits: all } = commits()
    const written: number[] = []
    const write = (n: number) => all.apply(() => void written.push(n))
    const first = write(1)
    await turn()
    const others = [write(2), write(3)]
    await turn()
    expect([batches.begun.length, written]).toEqual([1, [1]])
    batches.begun[0]?.settle()
    await first
    await turn()
    expect([batches.begun.length, written]).toEqual([2, [1, 2, 3]])
    batches.begun[1]?.settle()
    await Promise.all(others)
    await all.settled
  })

  it('do not begin after one that failed', async () => {
    const { batches, latch, commits: all } = commits()
    const first = all.apply(() => {})
    await turn()
    const second = all.apply(() => {
      throw new Error('must not be called')
    })
    second.catch(() => {})
    batches.begun[0]?.settle(new Error('Input/output error'))
    await expect(first).rejects.toMatchObject({ code: 'ANNULUS_IO' })
    await expect(second).rejects.toMatchObject({ code: 'ANNULUS_LATCHED' })
    await expect(all.apply(() => {})).rejects.toMatchObject({ code: 'ANNULUS_LATCHED' })
    expect([batches.begun.length, latch.tripped]).toEqual([1, true])
    await all.settled
  })
})
