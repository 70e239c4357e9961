// Test data, the same on every machine, and distances computed the slow way in float64.
import type { Metric } from '@annulus/native'

/** A 32-bit mixing function (the finaliser of MurmurHash3, public domain), as a random generator. */
function mix(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** n vectors with components in [-1, 1), different for every seed and position. */
export function vectorsOf(n: number, dimension: number, seed = 1): Float32Array {
  const start = mix(seed * 7919 + dimension)
  return Float32Array.from({ length: n * dimension }, (_, i) => mix(start + i) / 2 ** 31 - 1)
}

export function vectorAt(vectors: Float32Array, i: number, dimension: number): Float32Array {
  return vectors.slice(i * dimension, (i + 1) * dimension)
}

/** Slots 0 to n - 1. */
export function firstSlots(n: number): Uint32Array {
  return Uint32Array.from({ length: n }, (_, i) => i)
}

/** The vectors at these slots, one after the other. */
export function gather(vectors: Float32Array, slots: Uint32Array, dimension: number): Float32Array {
  const out = new Float32Array(slots.length * dimension)
  slots.forEach((slot, i) => {
    out.set(vectors.subarray(slot * dimension, (slot + 1) * dimension), i * dimension)
  })
  return out
}

/** A ranking distance in float64, and the size that its rounding errors are measured against. */
export function referenceDistance(
  metric: Metric,
  query: Float32Array,
  vector: Float32Array,
): { readonly distance: number; readonly scale: number } {
  const pairs = Array.from(query, (a, i) => [a, vector[i] ?? Number.NaN] as const)
  const sum = (term: (a: number, b: number) => number) =>
    pairs.reduce((total, [a, b]) => total + term(a, b), 0)
  const norms = Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b))
  const dot = sum((a, b) => a * b)
  if (metric === 'cosine') return { distance: -dot / norms, scale: 1 }
  if (metric === 'dot') return { distance: -dot, scale: norms }
  const distance =
    metric === 'euclidean' ? sum((a, b) => (a - b) ** 2) : sum((a, b) => Math.abs(a - b))
  return { distance, scale: distance }
}
