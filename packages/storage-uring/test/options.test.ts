import { describe, expect, it } from 'vitest'
import { type UringStorageOptions, uringStorage } from '../src/index.js'
import { inDirectory } from './site.js'

describe('options', () => {
  it.each([
    [{ queueDepth: 0 }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ queueDepth: 4097 }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ queueDepth: 1.5 }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ direct: 'yes' }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ fallbackThreads: 257 }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ tuning: { mergeGap: -1 } }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ cacheBytes: -1 }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ tuning: { minWaitUs: 20 } }, 'ANNULUS_UNKNOWN_OPTION'],
    [{ tuning: { joinReads: 1 } }, 'ANNULUS_INVALID_ARGUMENT'],
    [{ tuning: { sqpoll: true } }, 'ANNULUS_UNKNOWN_OPTION'],
    [{ depth: 3 }, 'ANNULUS_UNKNOWN_OPTION'],
    [null, 'ANNULUS_INVALID_ARGUMENT'],
  ])('%j is refused with %s', (options, code) => {
    expect(() => uringStorage(options as UringStorageOptions)).toThrow(
      expect.objectContaining({ code }),
    )
  })

  it('refuses what open does not know', () =>
    inDirectory(async (path) => {
      const opening = { path, dimension: 8, lazy: true }
      await expect(uringStorage().open(opening)).rejects.toMatchObject({
        code: 'ANNULUS_UNKNOWN_OPTION',
      })
    }))

  it.each([
    [true, true],
    [false, false],
  ])('direct: %s reads so', (direct, expected) =>
    inDirectory(async (path) => {
      const storage = await uringStorage({ direct }).open({ path, dimension: 768 })
      await storage.write(0, new Float32Array(768))
      expect(storage.stats()).toMatchObject({ direct: expected })
      await storage.close()
    }),
  )

  it('keeps no more reads in flight than the queue is deep', () =>
    inDirectory(async (path) => {
      const options = { queueDepth: 3, tuning: { mergeGap: 0 } }
      const storage = await uringStorage(options).open({ path, dimension: 768 })
      await storage.write(0, new Float32Array(768 * 400))
      const slots = Uint32Array.from({ length: 200 }, (_, i) => 2 * i)
      await storage.read(slots)
      expect(storage.stats()).toMatchObject({ inFlightMax: 3, reads: 200, readBytes: 200 * 3072 })
      await storage.close()
    }))
})
