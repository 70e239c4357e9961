// What the README shows is run as it stands.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'

const example = new URL('../quick-start.ts', import.meta.url)
const home = process.cwd()
const place = mkdtempSync(join(tmpdir(), 'annulus-quick-start-'))

beforeAll(() => process.chdir(place))
afterAll(() => {
  process.chdir(home)
  rmSync(place, { recursive: true, force: true })
})

it.each(['README.md', 'packages/annulus/README.md'])(
  'is the example of %s, letter for letter',
  (name) => {
    const readme = readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1])
    expect(blocks).toContain(readFileSync(example, 'utf8'))
  },
)

it('finds the note of 1843', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../quick-start.js')
  expect(log.mock.calls).toEqual([
    ['ada', expect.closeTo(0.9 / Math.sqrt(0.86), 6), 'On the engine'],
  ])
  log.mockRestore()
})
