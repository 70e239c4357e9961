// A file cut short under its mapping raises SIGBUS where its bytes are touched. The process lives.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { mmapStorage } from '../src/index.js'
import { inDirectory, randomFloats, randomSlots } from './vectors.js'

const run = promisify(execFile)

/** Truncates as somebody else would: from another process. */
async function truncateElsewhere(file: string, bytes: number): Promise<void> {
  await run(process.execPath, ['-e', `fs.truncateSync(${JSON.stringify(file)}, ${bytes})`])
}

describe('a file truncated by another process', () => {
  it('is a typed error with slot and file, and whatever is still there is served', () =>
    inDirectory(async (path) => {
      const storage = await mmapStorage().open({ path, dimension: 512 })
      const vectors = randomFloats(512 * 20, 1)
      await storage.write(0, vectors)
      const query = randomFloats(512, 2)
      await storage.score(query, Uint32Array.of(0, 19), 'cosine')
      const file = join(path, 'vectors-000000.seg')
      await truncateElsewhere(file, 4096 + 10 * 2048)

      for (const read of [
        () => storage.score(query, Uint32Array.of(0, 15, 19), 'cosine'),
        () => storage.read(Uint32Array.of(15)),
      ]) {
        await expect(read()).rejects.toEqual(
          expect.objectContaining({
            code: 'ANNULUS_IO',
            details: expect.objectContaining({ slot: 15, path: file, bytes: 4096 + 10 * 2048 }),
            message: expect.stringContaining('was cut'),
          }),
        )
      }
      expect(await storage.read(Uint32Array.of(9))).toEqual(vectors.subarray(9 * 512, 10 * 512))
      await storage.close()
    }))

  it('is a checksum error where the rest of the last page reads as zeros', () =>
    inDirectory(async (path) => {
      const storage = await mmapStorage().open({ path, dimension: 512 })
      await storage.write(0, randomFloats(512 * 4, 1))
      await truncateElsewhere(join(path, 'vectors-000000.seg'), 4096 + 3 * 2048)
      await expect(storage.read(Uint32Array.of(3))).rejects.toMatchObject({
        code: 'ANNULUS_CORRUPT',
        details: { slot: 3 },
      })
      await storage.close()
    }))

  it('ends no read in any other way while it happens', () =>
    inDirectory(async (path) => {
      const slots = 20_000
      const storage = await mmapStorage().open({ path, dimension: 64 })
      await storage.write(0, randomFloats(64 * slots, 1))
      const query = randomFloats(64, 2)
      let cut = false
      const truncation = truncateElsewhere(join(path, 'vectors-000000.seg'), 4096).then(() => {
        cut = true
      })
      const outcomes = new Map<string, number>()
      for (let round = 0; !cut || round < 20; round++) {
        const [outcome] = await Promise.allSettled([
          storage.score(query, randomSlots(500, slots, round), 'dot'),
        ])
        const name = outcome.status === 'fulfilled' ? 'answer' : outcome.reason.code
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
      }
      await truncation
      expect(outcomes.get('answer')).toBeGreaterThan(0)
      await expect(storage.score(query, Uint32Array.of(1), 'dot')).rejects.toThrow('was cut')
      for (const name of outcomes.keys()) {
        expect(['answer', 'ANNULUS_IO', 'ANNULUS_CORRUPT']).toContain(name)
      }
      await storage.close()
    }))
})
