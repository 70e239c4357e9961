// What the tests of this package store, and where.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Deterministic floats in [-1, 1): the same for the same seed. */
export function randomFloats(length: number, seed: number): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** `count` slots below `slots`, some of them equal. */
export function randomSlots(count: number, slots: number, seed: number): Uint32Array {
  return Uint32Array.from(randomFloats(count, seed), (value) =>
    Math.floor(((value + 1) / 2) * slots),
  )
}

/** Runs a test with a directory of its own. */
export async function inDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-mmap-'))
  try {
    await test(join(directory, 'vectors'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
