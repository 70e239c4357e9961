// What the tests of this package store, and where.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { denyVariable, isSupported } from '../src/index.js'

/** Why tests of the ring itself are skipped here; undefined if they run. */
export const noRing: string | undefined = isSupported().reason

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

/** The vectors of `slots`, one after the other. */
export function gather(vectors: Float32Array, slots: Uint32Array, dimension: number): Float32Array {
  const gathered = new Float32Array(slots.length * dimension)
  slots.forEach((slot, i) => {
    gathered.set(vectors.subarray(slot * dimension, (slot + 1) * dimension), i * dimension)
  })
  return gathered
}

/** Bits, so that equal means equal and a failure does not print a million numbers. */
export function bitsOf(floats: Float32Array): Buffer {
  return Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength)
}

/** Runs a test with a directory of its own. */
export async function inDirectory<T>(test: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-uring-'))
  try {
    return await test(join(directory, 'vectors'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs a test while setting up a ring fails with `errno`; not at all when undefined. */
export async function denied<T>(errno: string | undefined, test: () => Promise<T>): Promise<T> {
  const before = process.env[denyVariable]
  if (errno !== undefined) process.env[denyVariable] = errno
  try {
    return await test()
  } finally {
    if (before === undefined) delete process.env[denyVariable]
    else process.env[denyVariable] = before
  }
}
