import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AnnulusError } from '@annulus/native'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fileError } from '../src/file-error.js'
import { type OpenFile, readFully, writeFully } from '../src/file-ops.js'
import { nodeFileOps } from '../src/node-file-ops.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'annulus-files-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const failed = (errno: string) => Object.assign(new Error(`${errno}: no`), { code: errno })

describe('errors of files', () => {
  it.each([
    ['EACCES', 'ANNULUS_PERMISSION'],
    ['EPERM', 'ANNULUS_PERMISSION'],
    ['EROFS', 'ANNULUS_PERMISSION'],
    ['ENOSPC', 'ANNULUS_FULL'],
    ['EDQUOT', 'ANNULUS_FULL'],
    ['EFBIG', 'ANNULUS_LIMIT'],
    ['EMFILE', 'ANNULUS_LIMIT'],
    ['ENOMEM', 'ANNULUS_OUT_OF_MEMORY'],
    ['ENOENT', 'ANNULUS_NOT_FOUND'],
    ['EEXIST', 'ANNULUS_EXISTS'],
    ['ENOTDIR', 'ANNULUS_INVALID_ARGUMENT'],
    ['EISDIR', 'ANNULUS_INVALID_ARGUMENT'],
    ['ENOSYS', 'ANNULUS_UNSUPPORTED'],
    ['EIO', 'ANNULUS_IO'],
    ['ENXIO', 'ANNULUS_IO'],
    ['EWHATEVER', 'ANNULUS_IO'],
    ['toString', 'ANNULUS_IO'],
  ])('%s becomes %s', (errno, code) => {
    const error = fileError(failed(errno), 'write', '/a/b')
    expect(error).toBeInstanceOf(AnnulusError)
    expect(error.code).toBe(code)
    expect(error.details).toEqual({ path: '/a/b', errno, operation: 'write' })
  })

  it('are made of anything, and stay what they are', () => {
    expect(fileError('odd', 'read', 'x').code).toBe('ANNULUS_IO')
    expect(fileError(undefined, 'read', 'x').code).toBe('ANNULUS_IO')
    const error = new AnnulusError('ANNULUS_LOCKED', 'mine')
    expect(fileError(error, 'read', 'x')).toBe(error)
  })

  it.each([
    [
      'open',
      () => nodeFileOps.open(join(directory, 'none'), 'read'),
      'ENOENT',
      'ANNULUS_NOT_FOUND',
    ],
    ['open', () => nodeFileOps.open(directory, 'write'), 'EISDIR', 'ANNULUS_INVALID_ARGUMENT'],
    ['list', () => nodeFileOps.list(join(directory, 'none')), 'ENOENT', 'ANNULUS_NOT_FOUND'],
    ['remove', () => nodeFileOps.remove(join(directory, 'none')), 'ENOENT', 'ANNULUS_NOT_FOUND'],
    [
      'rename',
      () => nodeFileOps.rename(join(directory, 'none'), join(directory, 'b')),
      'ENOENT',
      'ANNULUS_NOT_FOUND',
    ],
  ])('of a real %s carry errno and operation', async (operation, run, errno, code) => {
    await expect(run()).rejects.toMatchObject({ code, details: { errno, operation } })
  })

  it('of a link that leads to itself are bad input', async () => {
    const loop = join(directory, 'loop')
    await symlink(loop, loop)
    await expect(nodeFileOps.open(loop, 'read')).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_ARGUMENT',
    })
  })
})

/** A file whose transfers do what a list says: a number of bytes, or an errno. */
function scripted(script: (number | string)[]): OpenFile & { readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(100)
  const step = (wanted: number): number => {
    const next = script.shift() ?? wanted
    if (typeof next === 'string') throw fileError(failed(next), 'write', 'scripted')
    return Math.min(next, wanted)
  }
  return {
    path: 'scripted',
    bytes,
    write: async (from, position) => {
      const count = step(from.length)
      bytes.set(from.subarray(0, count), position)
      return count
    },
    read: async (into, position) => {
      const count = step(into.length)
      into.set(bytes.subarray(position, position + count))
      return count
    },
    truncate: async () => {},
    sync: async () => {},
    size: async () => bytes.length,
    close: async () => {},
  }
}

const data = Uint8Array.from({ length: 50 }, (_, i) => i + 1)

describe('transfers', () => {
  it('are resumed after short and interrupted ones', async () => {
    const file = scripted([7, 'EINTR', 1, 1, 'EINTR', 20])
    await writeFully(file, data, 10)
    expect(file.bytes.subarray(10, 60)).toEqual(data)
    const reader = scripted(['EINTR', 3, 40])
    reader.bytes.set(data)
    const into = new Uint8Array(50)
    expect(await readFully(reader, into, 0)).toBe(50)
    expect(into).toEqual(data)
  })

  it('end at the end of the file', async () => {
    expect(await readFully(scripted([12, 0]), new Uint8Array(50), 0)).toBe(12)
  })

  it('fail when nothing more is accepted, and when interrupted for ever', async () => {
    await expect(writeFully(scripted([12, 0]), data, 0)).rejects.toMatchObject({
      code: 'ANNULUS_IO',
    })
    const forEver = scripted(Array.from({ length: 1000 }, () => 'EINTR'))
    await expect(writeFully(forEver, data, 0)).rejects.toMatchObject({
      details: { errno: 'EINTR' },
    })
  })

  it('fail at once on any other error', async () => {
    const script = [5, 'ENOSPC', 45]
    await expect(writeFully(scripted(script), data, 0)).rejects.toMatchObject({
      code: 'ANNULUS_FULL',
    })
    expect(script).toEqual([45])
  })
})

describe('the file operations of Node', () => {
  it('write, read, grow, rename, list and remove', async () => {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')]
    const file = await nodeFileOps.open(a, 'create')
    await writeFully(file, data, 3)
    await file.truncate(1000)
    await file.sync()
    expect(await file.size()).toBe(1000)
    await file.close()
    await nodeFileOps.rename(a, b)
    await nodeFileOps.syncDirectory(directory)
    expect(await nodeFileOps.list(directory)).toEqual(['b'])
    expect(await nodeFileOps.stat(b)).toEqual({ size: 1000, directory: false })
    expect(await nodeFileOps.stat(a)).toBeUndefined()
    await nodeFileOps.remove(b)
    expect(await nodeFileOps.list(directory)).toEqual([])
  })

  it('never create over what is there', async () => {
    const path = join(directory, 'there')
    await writeFile(path, 'precious')
    await expect(nodeFileOps.open(path, 'create')).rejects.toMatchObject({ code: 'ANNULUS_EXISTS' })
  })

  it('lock a file once', async () => {
    const path = join(directory, 'lock')
    const lock = await nodeFileOps.lock(path)
    await expect(nodeFileOps.lock(path)).rejects.toMatchObject({ code: 'ANNULUS_LOCKED' })
    await lock.release()
    await (await nodeFileOps.lock(path)).release()
  })

  it('make a directory with its parents, once or again', async () => {
    const path = join(directory, 'a', 'b', 'c')
    await nodeFileOps.makeDirectory(path)
    await nodeFileOps.makeDirectory(path)
    expect((await nodeFileOps.stat(path))?.directory).toBe(true)
    await writeFile(join(path, 'file'), '')
    await expect(nodeFileOps.makeDirectory(join(path, 'file'))).rejects.toMatchObject({
      code: 'ANNULUS_EXISTS',
    })
  })

  it.runIf(process.platform === 'linux')('fail to make one where none can be', async () => {
    await expect(nodeFileOps.makeDirectory('/proc/annulus/a')).rejects.toMatchObject({
      code: 'ANNULUS_NOT_FOUND',
    })
  })
})
