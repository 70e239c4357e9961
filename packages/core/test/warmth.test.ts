import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readThrough, Warmth } from '../src/warmth.js'
import { directory } from './world.js'

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

  it('has a cold file read through once, until it is closed', async () => {
    const asked: AbortSignal[] = []
    const { state } = world()
    state.resident = false
    const warmUp = (signal: AbortSignal) => {
      asked.push(signal)
      return new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    }
    const warmth = new Warmth(
      async () => state.resident,
      () => state.time,
      warmUp,
    )
    for (let i = 0; i < 3; i++) {
      void warmth.warm
      await warmth.settled()
      state.time += 150
    }
    expect(asked).toHaveLength(1)
    await warmth.close()
    expect(asked[0]?.aborted).toBe(true)
  })
})

describe('reading through', () => {
  it('ends with the file, or early where it is told', async () => {
    const path = join(await directory(), 'file')
    await writeFile(path, new Uint8Array(3 << 20))
    await readThrough(path, new AbortController().signal)
    await expect(readThrough(path, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})
