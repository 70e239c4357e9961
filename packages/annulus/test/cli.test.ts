// The command as it is installed: what it prints, where, and how it ends.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'annulus-cli-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function annulus(...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { cwd: folder }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })
}

describe('the command line', () => {
  it('imports, searches, copies', async () => {
    const dimension = 1_000
    const row = (id: number) => {
      const vector = Array.from(
        { length: dimension },
        (_, i) => +Math.sin(id * 1_000 + i).toFixed(4),
      )
      return JSON.stringify({ id, vector, text: 'x'.repeat(8_000) })
    }
    await writeFile(
      join(folder, 'rows.jsonl'),
      Array.from({ length: 500 }, (_, id) => row(id)).join('\n'),
    )
    expect(await annulus('import', 'db', 'rows.jsonl')).toMatchObject({ code: 0 })
    const found = await annulus('search', 'db', '--like', '7', '--limit', '1', '--json')
    expect(JSON.parse(found.out)).toMatchObject([{ id: 7 }])
    const missing = await annulus('search', 'db', '--like', 'nobody')
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('no point nobody') })
    // Payloads are twice as large as vectors here.
    const { code, err } = await annulus('backup', 'db', 'copy')
    expect(code).toBe(0)
    const shares = [...err.matchAll(/(\d+) %/g)].map(([, share]) => Number(share))
    expect(shares.length).toBeGreaterThan(0)
    expect(Math.max(...shares)).toBeLessThanOrEqual(100)
  })

  it('says in a line what was wrong, and creates nothing', async () => {
    const source = await annulus('import', 'new', 'missing.fvecs')
    expect(source).toMatchObject({ code: 1, out: '' })
    expect(source.err).toMatch(/^ANNULUS_NOT_FOUND: .*missing\.fvecs.*\n$/)
    const bench = await annulus('bench', 'new')
    expect(bench).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^ANNULUS_NOT_FOUND: .*\n$/),
    })
    expect(existsSync(join(folder, 'new'))).toBe(false)
  })

  it('tells its version', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(await annulus('--version')).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' })
  })
})
