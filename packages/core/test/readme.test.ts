import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { limits } from '../src/index.js'
import { example } from './readme-example.js'
import { directory } from './world.js'

const text = (name: string) => readFile(new URL(name, import.meta.url), 'utf8')

describe('the README', () => {
  it('shows an example that runs', async () => {
    expect(await text('../README.md')).toContain(await text('readme-example.ts'))
    expect(await example(await directory())).toEqual([
      'ada 0.970 On the engine',
      '42 0.936 An answer',
    ])
  })

  it('names every option and every limit as they are', async () => {
    const readme = await text('../README.md')
    const options = (await text('../src/options.ts')) + (await text('../src/search-options.ts'))
    const declared = [...options.matchAll(/^ {2}readonly (\w+)\?:/gm)].map((match) => match[1])
    expect(declared.length).toBeGreaterThan(20)
    for (const name of declared) expect(readme).toContain(`\`${name}\``)
    for (const [name, value] of Object.entries(limits)) {
      expect(readme).toContain(`| \`${name}\` | ${value.toLocaleString('en')} |`)
    }
  })
})
