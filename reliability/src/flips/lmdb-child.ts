// Opens databases of which a bit of LMDB's file is flipped, one after the other, until one ends it.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Outcome, openDamaged } from './flips.js'

export interface Attempt {
  readonly pristine: string
  readonly bit: number
}

const file = 'annulus.mdb'

async function attempt({ pristine, bit }: Attempt): Promise<Outcome> {
  const bytes = await readFile(join(pristine, file))
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return openDamaged(pristine, `${pristine}-copy`, file, bytes, 'mmap')
}

process.on('message', (message: Attempt) => {
  attempt(message).then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => process.send?.({ wrong: String(error) } satisfies Outcome),
  )
})
