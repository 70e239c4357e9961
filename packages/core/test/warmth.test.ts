import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dropPageCache, fileIsResident, Pool } from '@annulus/native'
import { nodeFileOps } from '@annulus/storage'
import { describe, expect, it, vi } from 'vitest'
import { bringIn, Warmth } from '../src/warmth.js'

/** A file, a clock, and how long a look at the file takes. */
function world() {
  const state = { time: 1000, resident: true, lookMs: 1, looks: 0 }
  const look = async () => {
    state.looks++
    state.time += state.lookMs
    return state.resident
  }
  return { state, warmth: new Warmth(look, () => state.time) }
}

describe('warmth', () => {
  it('trusts nothing before it has looked, and what it saw for a while', async () => {
    const { state, warmth } = world()
    expect(warmth.warm).toBe(false)
    await warmth.settled()
    for (let i = 0; i < 50; i++) {
      expect(warmth.warm).toBe(true)
      state.time++
    }
    expect(state.looks).toBe(1)
  })

  it('looks again behind the back of who asks, one look at a time', async () => {
    const { state, warmth } = world()
    void warmth.warm
    await warmth.settled()
    state.time += 150
    state.resident = false
    expect([warmth.warm, warmth.warm]).toEqual([true, true])
    await warmth.settled()
    expect(state.looks).toBe(2)
    expect(warmth.warm).toBe(false)
    state.resident = true
    expect(warmth.warm).toBe(false)
    state.time += 150
    void warmth.warm
    await warmth.settled()
    expect(warmth.warm).toBe(true)
  })

  it('does not trust what it saw long ago', async () => {
    const { state, warmth } = world()
    void warmth.warm
    await warmth.settled()
    state.time += 1000
    expect(warmth.warm).toBe(false)
    await warmth.settled()
    expect(warmth.warm).toBe(true)
  })

  it('looks less often where looking takes long', async () => {
    const { state, warmth } = world()
    state.lookMs = 40
    void warmth.warm
    await warmth.settled()
    state.time += 1000
    expect(warmth.warm).toBe(true)
    expect(state.looks).toBe(1)
    state.time += 1000
    expect(warmth.warm).toBe(true)
    expect(state.looks).toBe(2)
  })

  it('is cold when looking fails', async () => {
    const warmth = new Warmth(() => Promise.reject(new Error('no')))
    expect(warmth.warm).toBe(false)
    await warmth.settled()
    expect(warmth.warm).toBe(false)
  })
})

describe.skipIf(process.platform !== 'linux')('bringing a file into memory', () => {
  it('needs nothing but to be asked', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'annulus-warmth-'))
    const path = join(directory, 'file')
    const pool = new Pool(1)
    try {
      const file = await open(path, 'w')
      await file.write(Buffer.alloc(3 << 20, 1))
      await file.sync()
      await file.close()
      dropPageCache(path)
      expect(await fileIsResident(pool, path)).toBe(false)
      await vi.waitUntil(() => bringIn(pool, nodeFileOps, path))
    } finally {
      pool.close()
      await rm(directory, { recursive: true })
    }
  })
})
