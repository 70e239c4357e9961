import { once } from 'node:events'
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { writeScattered } from '../src/index.js'
import { addonWorker } from './addon-child.js'

async function inFile<T>(use: (file: FileHandle, path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-scattered-'))
  const path = join(directory, 'file')
  const file = await open(path, 'wx+')
  try {
    return await use(file, path)
  } finally {
    await file.close()
    await rm(directory, { recursive: true })
  }
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error,
  )

describe('writeScattered', () => {
  const part = fc.record({ from: fc.nat(200), bytes: fc.nat(200), position: fc.nat(2_000) })

  it('puts each part where it belongs, the later one where two meet', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 30 }), async (parts) => {
        await inFile(async (file, path) => {
          const memory = Uint8Array.from({ length: 400 }, (_, i) => i * 7 + 1)
          const model = Buffer.alloc(
            Math.max(0, ...parts.map(({ bytes, position }) => (bytes > 0 ? position + bytes : 0))),
          )
          for (const { from, bytes, position } of parts) {
            if (bytes > 0) model.set(memory.subarray(from, from + bytes), position)
          }
          const numbers = parts.flatMap(({ from, bytes, position }) => [from, bytes, position])
          const cpuMs = await writeScattered(file.fd, memory, Float64Array.from(numbers))
          expect(cpuMs).toBeGreaterThanOrEqual(0)
          expect((await readFile(path)).equals(model)).toBe(true)
        })
      }),
      { numRuns: 30 },
    )
  })

  it('fails as the operations of Node do', () =>
    inFile(async (_, path) => {
      const file = await open(path, 'r')
      const error = await rejection(
        writeScattered(file.fd, Uint8Array.of(1), Float64Array.of(0, 1, 0)),
      )
      await file.close()
      expect(error).toMatchObject({ code: 'EBADF', errno: -9 })
    }))

  it.each([
    ['beyond the memory', [0, 5, 0]],
    ['before the memory', [-1, 2, 0]],
    ['at no place', [0, 1, -1]],
    ['that is not a number', [0, Number.NaN, 0]],
    ['of two numbers', [0, 1]],
  ])('refuses a part %s', (_, numbers) =>
    inFile(async (file, path) => {
      const error = await rejection(
        writeScattered(file.fd, new Uint8Array(4), Float64Array.from(numbers)),
      )
      expect(error).toMatchObject({ code: 'ANNULUS_INVALID_ARGUMENT' })
      expect((await readFile(path)).length).toBe(0)
    }),
  )

  it('is waited for by a worker thread that is terminated in the middle', () =>
    inFile(async (file, path) => {
      const code = `
        const memory = new Uint8Array(8 << 20).fill(7)
        for (let i = 0; i < 12; i++) {
          addon.writeScattered(${file.fd}, memory, Float64Array.of(0, memory.length, i * memory.length)).catch(() => {})
        }
        parentPort.postMessage('begun')
        setInterval(() => {}, 60_000)`
      for (let round = 0; round < 5; round++) {
        const worker = addonWorker(code)
        await once(worker, 'message')
        await worker.terminate()
        const written = await readFile(path)
        expect(written.every((byte) => byte === 7 || byte === 0)).toBe(true)
        await file.truncate(0)
      }
    }))
})
