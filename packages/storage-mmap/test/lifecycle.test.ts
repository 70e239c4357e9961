// Threads that end, memory that is collected, all with reads in flight.
import { readFile } from 'node:fs/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { endWhileBusy } from '@annulus/storage/conformance'
import { describe, expect, it } from 'vitest'
import { mmapStorage } from '../src/index.js'
import { inDirectory, randomFloats, randomSlots } from './vectors.js'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const workerFile = new URL('./worker.mjs', import.meta.url)

describe('reads in flight', () => {
  it('end with the worker thread that began them, twenty times', () =>
    inDirectory(async (path) => {
      for (let round = 1; round <= 20; round++) {
        // Without the runner's arguments, which would resolve packages to their TypeScript.
        const worker = new Worker(workerFile, { workerData: { path }, execArgv: [] })
        await endWhileBusy(worker, round)
      }
    }))

  it('keep their mappings when nothing else does', () =>
    inDirectory(async (path) => {
      const vectors = randomFloats(64 * 500, 1)
      const slots = randomSlots(5000, 500, 2)
      const factory = mmapStorage({ segmentBytesMax: 8192 })
      const [closing, ...reading] = await (async () => {
        const storage = await factory.open({ path, dimension: 64 })
        await storage.write(0, vectors)
        const reads = Array.from({ length: 20 }, () => storage.read(slots))
        return [storage.close(), ...reads] as const
      })()
      for (let i = 0; i < 5; i++) {
        collectGarbage()
        await new Promise(setImmediate)
      }
      for (const read of await Promise.all(reading)) {
        const wrong = read.findIndex(
          (value, i) => value !== vectors[(slots[Math.floor(i / 64)] as number) * 64 + (i % 64)],
        )
        expect(wrong).toBe(-1)
      }
      await closing
    }))

  it.skipIf(process.platform !== 'linux')('are waited for by close, and all is unmapped then', () =>
    inDirectory(async (path) => {
      const mappings = async () =>
        (await readFile('/proc/self/maps', 'latin1')).split(path).length - 1
      const factory = mmapStorage({ segmentBytesMax: 8192 })
      const storage = await factory.open({ path, dimension: 64 })
      await storage.write(0, randomFloats(64 * 100, 1)) // sixteen vectors a segment
      // What mmap-io has mapped goes with its buffers, some turns after they are collected.
      for (let turn = 0; turn < 50 && (await mappings()) > 7; turn++) {
        collectGarbage()
        await new Promise(setImmediate)
      }
      expect(await mappings()).toBe(7)
      const reads = Array.from({ length: 50 }, (_, i) => storage.read(randomSlots(3000, 100, i)))
      let settled = 0
      for (const read of reads) void read.then(() => settled++)
      await storage.close()
      expect(settled).toBe(50)
      expect(await mappings()).toBe(0)
    }),
  )
})
