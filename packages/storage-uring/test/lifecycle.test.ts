// Threads and processes that end, signals: all with reads in flight.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { endWhileBusy } from '@annulus/storage/conformance'
import { describe, expect, it } from 'vitest'
import { uringStorage } from '../src/index.js'
import { bitsOf, inDirectory, randomFloats, randomSlots } from './site.js'

const readingFile = new URL('./reading.mjs', import.meta.url)

async function runReading(path: string, ending: string) {
  const child = spawn(process.execPath, [fileURLToPath(readingFile), path, ending], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  let errors = ''
  child.stderr.on('data', (data) => {
    errors += String(data)
  })
  const [code, signal] = await once(child, 'exit')
  return { code, signal, errors }
}

/** Open descriptors of files below a directory. */
function descriptorsUnder(path: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(path)
    } catch {
      return false // the one that read the directory
    }
  }).length
}

describe('with reads in flight', () => {
  it('a worker thread can be ended, ten times', async () => {
    for (let round = 1; round <= 10; round++) {
      await inDirectory((path) => {
        // Without the runner's arguments, which would resolve packages to their TypeScript.
        const worker = new Worker(readingFile, { argv: [path], execArgv: [] })
        return endWhileBusy(worker, 5 * round)
      })
    }
  })

  it.each([
    ['exit', 7],
    ['throw', 1],
    ['close', 0],
    ['signals', 0],
  ])('a process can end by %s', (ending, code) =>
    inDirectory(async (path) => {
      expect(await runReading(path, ending)).toMatchObject({ code, signal: null })
    }),
  )

  it('close waits for every call, and later ones are refused', () =>
    inDirectory(async (path) => {
      const storage = await uringStorage().open({ path, dimension: 256 })
      await storage.write(0, randomFloats(256 * 500, 1))
      const reads = Array.from({ length: 50 }, (_, i) => storage.read(randomSlots(1000, 500, i)))
      let settled = 0
      for (const read of reads) void read.then(() => settled++)
      await storage.close()
      expect(settled).toBe(50)
      await expect(storage.read(Uint32Array.of(0))).rejects.toMatchObject({
        code: 'ANNULUS_CLOSED',
      })
      expect(() => storage.reader?.()).toThrow(expect.objectContaining({ code: 'ANNULUS_CLOSED' }))
    }))

  it('close closes the files, also when others still hold the reader', () =>
    inDirectory(async (path) => {
      const before = readdirSync('/proc/self/fd').length
      const storage = await uringStorage({ segmentBytesMax: 8192 }).open({ path, dimension: 256 })
      await storage.write(0, randomFloats(256 * 20, 1))
      const reader = storage.reader?.()
      expect(descriptorsUnder(path)).toBeGreaterThanOrEqual(5)
      await storage.close()
      expect(descriptorsUnder(path)).toBe(0)
      expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
      expect(reader).toBeDefined()
    }))

  it('a hundred storages can be opened, read and closed side by side', () =>
    inDirectory(async (path) => {
      const one = async (number: number) => {
        const storage = await uringStorage({ queueDepth: 8 }).open({
          path: `${path}-${number}`,
          dimension: 64,
        })
        const vectors = randomFloats(64 * 20, number)
        await storage.write(0, vectors)
        const read = await storage.read(Uint32Array.from({ length: 20 }, (_, i) => i))
        expect(bitsOf(read).equals(bitsOf(vectors))).toBe(true)
        await storage.close()
      }
      for (let batch = 0; batch < 10; batch++) {
        await Promise.all(Array.from({ length: 10 }, (_, i) => one(10 * batch + i)))
      }
    }))
})
