import { describe, expect, it } from 'vitest'
import { denyVariable, isSupported, uringStorage } from '../src/index.js'
import { type Circumstances, deniedErrno, explain } from '../src/support.js'
import { denied, inDirectory, noRing, randomFloats } from './site.js'

const plain: Circumstances = {
  platform: 'linux',
  sysctl: '0',
  seccomp: false,
  simulated: false,
}
const [setup, map, features, wake, read] = [1, 2, 3, 4, 5]
const [EPERM, EAGAIN, ENOMEM, EINVAL, EMFILE, ENOSYS, EIO] = [1, 11, 12, 22, 24, 38, 5]

describe('the reason why there is no ring', () => {
  it.each([
    ['system', setup, ENOSYS, { ...plain, platform: 'darwin' }],
    ['system', setup, ENOSYS, plain],
    ['sysctl', setup, EPERM, { ...plain, sysctl: '2' }],
    ['sysctl', setup, EPERM, { ...plain, sysctl: '1' }],
    ['sysctl', setup, EPERM, { ...plain, sysctl: '2', seccomp: true }],
    ['seccomp', setup, EPERM, { ...plain, seccomp: true }],
    ['seccomp', setup, EPERM, { ...plain, seccomp: true, sysctl: undefined }],
    ['seccomp', setup, ENOSYS, { ...plain, seccomp: true }],
    ['policy', setup, EPERM, plain],
    ['kernel', setup, EINVAL, plain],
    ['kernel', features, ENOSYS, plain],
    ['kernel', read, EINVAL, plain],
    ['memory', setup, ENOMEM, plain],
    ['memory', map, EAGAIN, plain],
    ['files', wake, EMFILE, plain],
    ['other', setup, EIO, plain],
  ] as const)('is "%s" at stage %i with errno %i', (code, stage, errno, around) => {
    const told = explain(stage, errno, around)
    expect(told).toMatchObject({ supported: false, code })
    expect(told.reason).not.toBe('')
    expect(told.reason).not.toContain(denyVariable)
  })

  it('tells sysctl 1 from 2, and a simulation from the truth', () => {
    const reasonOf = (around: Partial<Circumstances>) =>
      explain(setup, EPERM, { ...plain, ...around }).reason
    expect(reasonOf({ sysctl: '1' })).toContain('io_uring_disabled=1')
    expect(reasonOf({ sysctl: '2' })).toContain('io_uring_disabled=2')
    expect(reasonOf({ simulated: true })).toContain(denyVariable)
  })

  it('rejects a simulation of something that is no errno', () => {
    expect(() => deniedErrno({ [denyVariable]: 'ENONSENSE' })).toThrow(
      expect.objectContaining({ code: 'ANNULUS_INVALID_ARGUMENT' }),
    )
    expect(deniedErrno({})).toBe(0)
    expect(deniedErrno({ [denyVariable]: '' })).toBe(0)
    expect(deniedErrno({ [denyVariable]: 'EPERM' })).toBe(EPERM)
  })
})

describe('a ring that is denied', () => {
  it.each(['EPERM', 'ENOSYS', 'ENOMEM', 'EINVAL', 'EACCES', 'EMFILE'])(
    'with %s gives way to pread, and the storage says so',
    (errno) =>
      inDirectory((path) =>
        denied(errno, async () => {
          expect(isSupported()).toMatchObject({ supported: false, errno })
          const storage = await uringStorage({ fallbackThreads: 2 }).open({ path, dimension: 33 })
          const vectors = randomFloats(33 * 50, 1)
          await storage.write(0, vectors)
          expect(await storage.read(Uint32Array.of(49))).toEqual(vectors.subarray(49 * 33))
          expect(storage.stats().backend).toBe('io_uring')
          expect(storage.stats().fallback).toBe(isSupported().reason)
          await storage.close()
        }),
      ),
  )

  it('is the exception', async (test) => {
    if (noRing !== undefined) return test.skip(noRing)
    expect(isSupported()).toEqual({ supported: true })
    return inDirectory(async (path) => {
      const storage = await uringStorage().open({ path, dimension: 8 })
      expect(storage.stats().fallback).toBeUndefined()
      await storage.close()
    })
  })
})
