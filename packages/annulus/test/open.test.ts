import { expect, it } from 'vitest'
import { open } from '../src/index.js'

it.each([null, 'mmap', 5])('open refuses %j in place of options', async (options) => {
  await expect(open('never-made', options as never)).rejects.toMatchObject({
    code: 'ANNULUS_INVALID_ARGUMENT',
  })
})
