// Asks the kernel itself whether LMDB has synced before a write is acknowledged.
import { spawnSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { directory } from './world.js'

const strace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

describe('an acknowledged commit', () => {
  it.skipIf(!strace)(
    `is synced first${strace ? '' : ' (skipped: strace cannot run here)'}`,
    async () => {
      const path = await directory()
      const lmdb = pathToFileURL(createRequire(import.meta.url).resolve('lmdb')).href
      // The options of src/store.ts; the marks go to a descriptor of their own.
      const script = `
      import lmdb from ${JSON.stringify(lmdb)}
      import { writeSync } from 'node:fs'
      const root = lmdb.open({ path: ${JSON.stringify(join(path, 'a.mdb'))}, noSubdir: true, maxDbs: 8, encoding: 'binary', overlappingSync: false, eventTurnBatching: false })
      const points = root.openDB('points', { encoding: 'binary' })
      for (let i = 0; i < 20; i++) {
        writeSync(2, 'BEGIN ')
        await root.batch(() => { points.put(i, Buffer.alloc(100)) })
        writeSync(2, 'ACK ')
      }
      await root.close()`
      const program = join(path, 'commit.mjs')
      await writeFile(program, script)
      const trace = join(path, 'trace')
      const calls = 'trace=write,pwrite64,fdatasync,fsync,openat'
      const run = spawnSync('strace', ['-f', '-e', calls, '-o', trace, process.execPath, program])
      expect(run.status).toBe(0)
      const lines = (await readFile(trace, 'utf8')).split('\n')
      // The meta page is written through a descriptor of its own, opened with O_DSYNC.
      const meta = /a\.mdb", O_WRONLY\|O_DSYNC.*= (\d+)$/m.exec(lines.join('\n'))?.[1]
      expect(meta).toBeDefined()
      let order = ''
      for (const line of lines) {
        if (line.includes('"BEGIN ')) order += 'b'
        else if (line.includes('"ACK ')) order += 'a'
        else if (/(fdatasync|fsync)\(\d+\) += 0/.test(line)) order += 's'
        else if (line.includes(`pwrite64(${meta},`)) order += 'm'
      }
      expect(order.match(/b[^ab]*s[^ab]*m[^ab]*a/g)).toHaveLength(20)
    },
  )

  it('is asked for with these options', async () => {
    const store = await readFile(new URL('../src/store.ts', import.meta.url), 'utf8')
    expect(store).toContain('overlappingSync: false')
    expect(store).toContain('eventTurnBatching: false')
    expect(store).not.toMatch(/noSync|noMetaSync|mapAsync|useWritemap/)
  })
})
