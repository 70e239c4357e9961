import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lockFile } from '@annulus/native'
import { afterAll, describe, expect, it } from 'vitest'
import { addonProcess, addonWorker } from './addon-child.js'

const directory = mkdtempSync(join(tmpdir(), 'annulus-lock-'))
afterAll(() => rmSync(directory, { recursive: true }))

const holdLock = (path: string) =>
  `globalThis.lock = new addon.FileLock(${JSON.stringify(path)}); setInterval(() => {}, 1000);`

describe('lockFile', () => {
  it('refuses a second holder in the same thread until released', async () => {
    const path = join(directory, 'twice')
    const lock = await lockFile(path)
    expect(readFileSync(path, 'utf8').trim()).toBe(String(process.pid))
    await expect(lockFile(path)).rejects.toMatchObject({
      code: 'ANNULUS_LOCKED',
      message: expect.stringContaining(String(process.pid)),
    })
    lock.release()
    lock.release()
    using again = await lockFile(path)
    expect(again.path).toBe(path)
  })

  it('waits for a holder that lets go within its attempts', async () => {
    const path = join(directory, 'brief')
    const first = await lockFile(path)
    const second = lockFile(path)
    first.release()
    ;(await second).release()
  })

  it('is held against worker threads, and ends with one', async () => {
    const path = join(directory, 'worker')
    const worker = addonWorker(`${holdLock(path)} parentPort.postMessage('held')`)
    await once(worker, 'message')
    await expect(lockFile(path)).rejects.toMatchObject({ code: 'ANNULUS_LOCKED' })
    await worker.terminate()
    const lock = await lockFile(path)
    lock.release()
  })

  it('is held against other processes, and ends when one is killed', async () => {
    const path = join(directory, 'process')
    const child = addonProcess(`${holdLock(path)} console.log('held')`)
    if (child.stdout === null) throw new Error('no output')
    await once(child.stdout, 'data')
    await expect(lockFile(path)).rejects.toMatchObject({
      code: 'ANNULUS_LOCKED',
      message: expect.stringContaining(String(child.pid)),
    })
    child.kill('SIGKILL')
    await once(child, 'close')
    const lock = await lockFile(path)
    lock.release()
  })

  it.each([
    ['a missing directory', 'ANNULUS_NOT_FOUND', () => join(directory, 'missing', 'lock')],
    ['a directory', 'ANNULUS_IO', () => directory],
    ['an empty name', 'ANNULUS_INVALID_ARGUMENT', () => ''],
    ['a name with a zero byte', 'ANNULUS_INVALID_ARGUMENT', () => 'a\0b'],
  ])('rejects %s with %s', async (_, code, path) => {
    await expect(lockFile(path())).rejects.toMatchObject({ code })
  })

  // The superuser may do everything.
  it.skipIf(process.getuid?.() === 0)(
    'rejects with ANNULUS_PERMISSION where it may not write',
    async () => {
      const closed = join(directory, 'closed')
      mkdirSync(closed)
      chmodSync(closed, 0o500)
      await expect(lockFile(join(closed, 'lock'))).rejects.toMatchObject({
        code: 'ANNULUS_PERMISSION',
      })
    },
  )
})
