import { describe, expect, it } from 'vitest'
import { Warmth } from '../src/warmth.js'

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
