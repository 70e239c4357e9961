import { describe, expect, it } from 'vitest'
import { BaseStorage } from '../src/base-storage.js'

/** A backend whose methods do what a test says. */
class Scripted extends BaseStorage {
  script: Partial<Record<'write' | 'read' | 'flush' | 'close', () => Promise<unknown>>> = {}
  readonly calls: string[] = []

  constructor(slots = 0) {
    super({ backend: 'scripted', dimension: 2, slots })
  }

  protected override async _write(): Promise<void> {
    this.calls.push('write')
    await this.script.write?.()
  }

  protected override async _read(slots: Uint32Array): Promise<Float32Array> {
    this.calls.push('read')
    const answer = await this.script.read?.()
    return answer instanceof Float32Array ? answer : new Float32Array(slots.length * 2)
  }

  protected override async _flush(): Promise<void> {
    this.calls.push('flush')
    await this.script.flush?.()
  }

  protected override async _close(): Promise<void> {
    this.calls.push('close')
    await this.script.close?.()
  }
}

const vector = Float32Array.of(1, 2)
const first = Uint32Array.of(0)
const failure = new TypeError('the network is down')
const fail = () => Promise.reject(failure)

describe('the base class of backends', () => {
  it('makes typed errors of whatever a backend rejects with', async () => {
    const storage = new Scripted(1)
    storage.script = { read: fail }
    const typed = { code: 'ANNULUS_IO', cause: failure, name: 'AnnulusError' }
    await expect(storage.read(first)).rejects.toMatchObject(typed)
    await expect(storage.score(vector, first, 'dot')).rejects.toMatchObject(typed)
    expect(storage.stats().errors).toBe(2)
  })

  it('notices a backend that returns too little', async () => {
    const storage = new Scripted(1)
    storage.script = { read: async () => new Float32Array(1) }
    await expect(storage.read(first)).rejects.toMatchObject({ code: 'ANNULUS_INTERNAL' })
  })

  it.each(['write', 'flush'] as const)('latches after a failed %s', async (method) => {
    const storage = new Scripted(1)
    storage.script = { [method]: fail }
    const run = { write: () => storage.write(1, vector), flush: () => storage.flush() }
    await expect(run[method]()).rejects.toMatchObject({ code: 'ANNULUS_IO' })
    storage.script = {}
    for (const refused of [run.write, run.flush]) {
      const latched = { code: 'ANNULUS_LATCHED', cause: { cause: failure } }
      await expect(refused()).rejects.toMatchObject(latched)
    }
    expect(storage.slots).toBe(1)
    expect(await storage.read(first)).toHaveLength(2)
    expect(storage.calls).toEqual([method, 'read'])
    await storage.close()
  })

  it('never runs two writes or flushes at once, and closes last', async () => {
    const storage = new Scripted()
    let running = 0
    const alone = async () => {
      expect(++running).toBe(1)
      await new Promise((resolve) => setImmediate(resolve))
      running--
    }
    storage.script = { write: alone, flush: alone, close: alone }
    const calls = [storage.write(0, vector), storage.write(1, vector), storage.flush()]
    await Promise.all([...calls, storage.write(2, vector), storage.close()])
    expect(storage.calls).toEqual(['write', 'write', 'flush', 'write', 'close'])
  })

  it('does not ask a backend for nothing', async () => {
    const storage = new Scripted()
    await storage.write(0, new Float32Array(0))
    expect(await storage.read(new Uint32Array(0))).toHaveLength(0)
    expect(storage.calls).toEqual([])
  })

  it('reports inFlight while a call runs', async () => {
    const storage = new Scripted(3)
    let go = () => {}
    storage.script = {
      read: () =>
        new Promise<void>((resolve) => {
          go = resolve
        }),
    }
    const reading = storage.read(Uint32Array.of(0, 1, 2))
    expect(storage.stats().inFlight).toBe(3)
    go()
    await reading
    expect(storage.stats()).toMatchObject({ inFlight: 0, vectors: 3, reads: 3, readBytes: 24 })
  })

  it('says when slots run out', async () => {
    const storage = new Scripted(2 ** 32 - 1)
    await expect(storage.write(2 ** 32 - 1, vector)).rejects.toMatchObject({
      code: 'ANNULUS_LIMIT',
    })
  })
})
