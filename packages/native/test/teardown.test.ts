// What happens to native work when its environment ends. A mistake here is a crash or a hang.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { addonProcess, addonWorker, outcome } from './addon-child.js'

/** Starts more work than a moment can finish, on a pool and through abort flags, and drops handles. */
const startWork = `
const vectors = new Float32Array(1 << 21)
const query = new Float32Array(64)
const pool = new addon.Pool(2)
const { handle } = pool
for (let i = 0; i < 20; i++) {
  addon.distances(handle, query, vectors, i % 4, i % 2 ? new Int32Array(1) : undefined)
    .then(() => { globalThis.settled = (globalThis.settled ?? 0) + 1 }, () => {})
  addon.checksumVectors(handle, vectors, 64, new Uint32Array(1 << 15)).catch(() => {})
}
new addon.Pool(1)
`

// Or else the worker might have ended by itself, its work done, before it is terminated.
const stay = 'setInterval(() => {}, 60_000);'

describe('a worker thread', () => {
  it('can be terminated at once in the middle of native work, 50 times', async () => {
    for (let round = 0; round < 50; round++) {
      const worker = addonWorker(`${stay} ${startWork} parentPort.postMessage(addon.pending())`)
      if (round % 3 === 0) {
        // Not even loaded, or in the middle of loading.
        expect(await worker.terminate()).toBeLessThanOrEqual(1)
        continue
      }
      expect((await once(worker, 'message'))[0]).toBe(40)
      expect(await worker.terminate()).toBe(1)
    }
  })

  it('can end by itself with work pending', async () => {
    const worker = addonWorker(`${startWork} process.exit(7)`)
    expect(await once(worker, 'exit')).toEqual([7])
  })

  it('lives until its work is done', async () => {
    const worker = addonWorker(
      `${startWork} process.on('exit', () => parentPort.postMessage(globalThis.settled))`,
    )
    expect(await once(worker, 'message')).toEqual([20])
  })

  it('can leave after closing the pool under its work', async () => {
    const worker = addonWorker(
      `${stay} ${startWork} pool.close(); parentPort.postMessage('closed')`,
    )
    await once(worker, 'message')
    expect(await worker.terminate()).toBe(1)
  })
})

describe('a process', () => {
  it.each([
    ['exits with work pending', 'process.exit(3)', 3],
    [
      'throws with work pending',
      'process.on("uncaughtException", () => process.exit(4)); throw 1',
      4,
    ],
    ['ends when its work is done', 'process.exitCode = 5', 5],
  ])('%s', async (_, code, expected) => {
    expect(await outcome(addonProcess(startWork + code))).toMatchObject({ code: expected })
  })

  it('collects abandoned pools without a stall', async () => {
    const code = `
      for (let i = 0; i < 200; i++) new addon.Pool(2)
      globalThis.gc()
      setImmediate(() => console.log(require('node:fs').readdirSync('/proc/self/task').length))
    `
    const child = addonProcess(
      `require('node:v8').setFlagsFromString('--expose-gc')
       globalThis.gc = require('node:vm').runInNewContext('gc')
       ${process.platform === 'linux' ? code : 'console.log(0)'}`,
    )
    const { output, code: exit } = await outcome(child)
    expect(exit).toBe(0)
    expect(Number(output)).toBeLessThan(100)
  })
})

describe('a call that fails before its work starts', () => {
  it('leaves nothing pending', async () => {
    const code = `
      const pool = new addon.Pool(1)
      for (let i = 0; i < 1000; i++) {
        try { addon.distances(pool.handle, new Float32Array(3), new Float32Array(4), 0, undefined) } catch {}
        try { addon.distances(pool.handle, new Float32Array(2), new Float32Array(4), 0, 'flag') } catch {}
        try { addon.distances({}, new Float32Array(2), new Float32Array(4), 0, undefined) } catch {}
        try { new addon.Pool(1.5) } catch {}
      }
      console.log(addon.pending())
    `
    expect(await outcome(addonProcess(code))).toEqual({ output: '0\n', code: 0 })
  })
})
