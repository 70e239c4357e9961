import { memoryStorage, type VectorStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import { writeVectors } from '../src/vector-writes.js'
import { CollectionPace, WritePace } from '../src/write-pace.js'

const dimension = 1024

/** A storage that says what CPU time a write takes, or nothing; and what was done, step by step. */
async function recorded(msAWrite: number | undefined) {
  const steps: string[] = []
  const inner = await memoryStorage().open({ path: 'x', dimension })
  let writeCpuMs = msAWrite && 0
  const storage: VectorStorage = {
    dimension,
    slots: 0,
    write: async (slots, vectors) => {
      steps.push(`write ${vectors.length / dimension}`)
      await inner.write(slots, vectors)
      if (writeCpuMs !== undefined) writeCpuMs += msAWrite ?? 0
    },
    flush: async () => {
      steps.push('flush')
    },
    read: (slots) => inner.read(slots),
    score: (query, slots, metric) => inner.score(query, slots, metric),
    stats: () => ({ ...inner.stats(), writeCpuMs }),
    close: () => inner.close(),
  }
  const account = new WritePace(0.5, 2)
  account.rest = async () => {
    steps.push('rest')
  }
  account.spend = (ms) => {
    steps.push(msAWrite === undefined ? `spend ${ms >= 0 && ms < 1_000}` : `spend ${ms}`)
  }
  return { steps, storage, pace: new CollectionPace(account) }
}

describe('the vectors of a commit', () => {
  const slots = Uint32Array.from({ length: 600 }, (_, i) => i)
  const vectors = Float32Array.from({ length: 600 * dimension }, (_, i) => i % 1_000)
  const isAwaited = () => false

  it('are written a mebibyte at a time, with rests for what that cost the threads', async () => {
    const { steps, storage, pace } = await recorded(2)
    await writeVectors({ storage, durability: 'sync', pace, isAwaited }, slots, vectors)
    const slice = (count: number) => ['rest', `write ${count}`, 'spend 2']
    expect(steps).toEqual([...slice(256), ...slice(256), ...slice(88), 'flush'])
    const written = Buffer.from((await storage.read(slots)).buffer)
    expect(written.equals(Buffer.from(vectors.buffer))).toBe(true)
  })

  it('cost the time they took where the storage cannot tell', async () => {
    const { steps, storage, pace } = await recorded(undefined)
    const some = slots.subarray(0, 9)
    const theirs = vectors.subarray(0, 9 * dimension)
    await writeVectors({ storage, durability: 'none', pace, isAwaited }, some, theirs)
    expect(steps).toEqual(['rest', 'write 9', 'spend true'])
  })
})
