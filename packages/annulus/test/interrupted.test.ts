// Searches through the native pipeline whose thread ends, and whose file is cut short under its mapping.
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { endWhileBusy } from '@annulus/storage/conformance'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isUringSupported, mmapStorage, open, storageByName, uringStorage } from '../src/index.js'
import { backends } from './filled.js'

const run = promisify(execFile)
const dimension = 128
const workerFile = new URL('./searching.mjs', import.meta.url)

function vectorOf(id: number): Float32Array {
  return Float32Array.from({ length: dimension }, (_, i) => Math.sin((id + 1) * (i + 1) * 0.37))
}

let path: string
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'annulus-interrupted-'))
  await using database = await open(path, { storage: mmapStorage() })
  const collection = await database.collection('c', { dimension })
  const points = Array.from({ length: 3_000 }, (_, id) => ({ id, vector: vectorOf(id) }))
  await collection.upsert(points)
  await collection.waitForIndex()
}, 60_000)
afterEach(() => rm(path, { recursive: true, force: true }))

/** Cuts every segment as somebody else would: from another process. */
async function cutElsewhere(): Promise<void> {
  const files = (await readdir(path, { recursive: true })).filter((file) => file.endsWith('.seg'))
  expect(files.length).toBeGreaterThan(0)
  const code = files.map((file) => `fs.truncateSync(${JSON.stringify(join(path, file))}, 4096)`)
  await run(process.execPath, ['-e', code.join(';')])
}

describe.each(backends)('searches over %s', (backend) => {
  it('end with the worker thread that began them, eight times, and leave the others alone', async () => {
    const storage = storageByName(backend)
    await using database = await open(path, { storage, readOnly: true })
    const collection = await database.collection('c')
    const before = await collection.search(vectorOf(5))
    for (let round = 1; round <= 8; round++) {
      const worker = new Worker(workerFile, {
        workerData: { path, backend, dimension },
        execArgv: [], // the runner's would resolve packages to their TypeScript
      })
      await endWhileBusy(worker, round * 3)
    }
    expect(await collection.search(vectorOf(5))).toEqual(before)
  }, 60_000)
})

const storages = isUringSupported().supported
  ? [
      { name: 'mmap', storage: mmapStorage() },
      { name: 'io_uring', storage: uringStorage() },
      { name: 'io_uring, buffered', storage: uringStorage({ direct: false }) },
      { name: 'io_uring, direct', storage: uringStorage({ direct: true }) },
    ]
  : [{ name: 'mmap', storage: mmapStorage() }]

describe.each(storages)('a segment cut under searches over $name', ({ storage }) => {
  it('is a typed error, and the process lives', async () => {
    await using database = await open(path, { storage, readOnly: true })
    const collection = await database.collection('c')
    const outcomes = new Map<string, number>()
    const search = async (id: number) => {
      const [outcome] = await Promise.allSettled([collection.search(vectorOf(id))])
      const name = outcome.status === 'fulfilled' ? 'answer' : outcome.reason.code
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
    }
    await search(0)
    let cut = false
    const cutting = cutElsewhere().then(() => {
      cut = true
    })
    for (let turn = 0; !cut; turn++) {
      await Promise.all(Array.from({ length: 8 }, (_, lane) => search(turn * 8 + lane)))
    }
    await cutting
    for (const name of outcomes.keys()) {
      expect(['answer', 'ANNULUS_IO', 'ANNULUS_CORRUPT']).toContain(name)
    }
    expect(outcomes.get('answer')).toBeGreaterThan(0)
    await expect(collection.search(vectorOf(7))).rejects.toMatchObject({ code: 'ANNULUS_IO' })
  }, 60_000)
})
