// Vectors, their codes and naive answers for the tests.
import type { Metric, Pool } from '@annulus/native'
import { type Codes, none, type Quantizer } from '@annulus/quantization'

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Points in clumps; every eighth repeats the one before, so that distances tie. */
export function clumpedVectors(count: number, dimension: number, seed: number): Float32Array {
  const random = randomFrom(seed)
  const centres = Array.from({ length: 20 * dimension }, () => random() * 10)
  const vectors = new Float32Array(count * dimension)
  for (let row = 0; row < count; row++) {
    const at = row * dimension
    if (row % 8 === 7) {
      vectors.copyWithin(at, at - dimension, at)
      continue
    }
    const centre = Math.floor(random() * 20) * dimension
    for (let i = 0; i < dimension; i++) vectors[at + i] = (centres[centre + i] ?? 0) + random()
  }
  return vectors
}

export async function encode(
  vectors: Float32Array,
  dimension: number,
  pool: Pool,
  quantizer: Quantizer = none(),
  metric: Metric = 'euclidean',
): Promise<Codes> {
  const codes = await quantizer.train(vectors, { dimension, metric, pool })
  await codes.encode(0, vectors)
  return codes
}

export function range(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to - from }, (_, i) => from + i)
}

export function bitmapOf(slots: Iterable<number>, bits: number): Uint32Array {
  const words = new Uint32Array(Math.ceil(bits / 32))
  for (const slot of slots) words[slot >>> 5] = (words[slot >>> 5] ?? 0) | (1 << (slot & 31))
  return words
}

export function row(vectors: Float32Array, dimension: number, index: number): Float32Array {
  return vectors.subarray(index * dimension, (index + 1) * dimension)
}

/** Share of the `truth` that `found` holds. */
export function recall(truth: ArrayLike<number>, found: ArrayLike<number>): number {
  const wanted = new Set(Array.from(truth))
  const hits = Array.from(found).filter((slot) => wanted.has(slot)).length
  return wanted.size === 0 ? 1 : hits / wanted.size
}

/** What breaks the form of a result: order, duplicates. Empty when nothing does. */
export function faults(slots: Uint32Array, distances: Float32Array): string[] {
  const found: string[] = []
  if (slots.length !== distances.length) found.push('lengths differ')
  if (new Set(slots).size !== slots.length) found.push('a slot comes twice')
  for (let i = 1; i < slots.length; i++) {
    const before = distances[i - 1] as number
    const here = distances[i] as number
    const ordered =
      before < here || (before === here && (slots[i - 1] as number) < (slots[i] as number))
    if (!ordered) found.push(`place ${i} is out of order`)
  }
  return found
}
