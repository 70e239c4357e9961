// Data and references for the tests of this package.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Metric, metrics } from '@annulus/native'
import fc from 'fast-check'
import { onTestFinished } from 'vitest'
import type { Quantizer } from '../src/index.js'

/** Floats in [-scale, scale) around `offset`, the same for the same seed. */
export function randomFloats(n: number, seed: number, scale = 1, offset = 0): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return offset + scale * ((2 * state) / 2 ** 32 - 1)
  })
}

export function rowOf(vectors: Float32Array, dimension: number, row: number): Float32Array {
  return vectors.subarray(row * dimension, (row + 1) * dimension)
}

export function normalised(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector)
  return vector.map((value) => (norm === 0 ? 0 : value / norm))
}

/** The ranking distance in float64; cosine expects what codes hold, normalised vectors. */
export function distance(metric: Metric, a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0
    const y = b[i] ?? 0
    if (metric === 'euclidean') sum += (x - y) ** 2
    else if (metric === 'manhattan') sum += Math.abs(x - y)
    else sum -= x * y
  }
  return sum
}

export const metricArbitrary = fc.constantFrom(...metrics)

/** The metrics that a kind of code knows. */
export const metricsOf = (quantizer: Quantizer) =>
  fc.constantFrom(...(quantizer.metrics ?? metrics))

/** n vectors of one dimension with their shape; small enough for many runs. */
export const vectorsArbitrary = fc
  .record({
    dimension: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 300 })),
    n: fc.integer({ min: 1, max: 120 }),
    seed: fc.nat(),
    scale: fc.constantFrom(1e-6, 1e-3, 1, 100, 1e6),
    offset: fc.constantFrom(0, 0, 0.5, -3, 50),
  })
  .map((shape) => ({
    ...shape,
    vectors: randomFloats(
      shape.n * shape.dimension,
      shape.seed,
      shape.scale,
      shape.offset * shape.scale,
    ),
  }))

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'annulus-quantization-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const dataRoot =
  process.env['ANNULUS_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))

/** The folder of a real data set, or undefined where it is missing. */
export function dataSet(name: string): string | undefined {
  const folder = join(dataRoot, name)
  return existsSync(folder) ? folder : undefined
}

/** The first rows of an fvecs, bvecs or ivecs file as floats. */
export function readRows(path: string, most: number): { rows: Float32Array; dimension: number } {
  const bytes = readFileSync(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dimension = view.getInt32(0, true)
  const width = path.endsWith('.bvecs') ? 1 : 4
  const stride = 4 + dimension * width
  const n = Math.min(most, bytes.length / stride)
  const rows = new Float32Array(n * dimension)
  for (let row = 0; row < n; row++) {
    for (let i = 0; i < dimension; i++) {
      const at = row * stride + 4 + i * width
      rows[row * dimension + i] =
        width === 1
          ? view.getUint8(at)
          : path.endsWith('.ivecs')
            ? view.getInt32(at, true)
            : view.getFloat32(at, true)
    }
  }
  return { rows, dimension }
}
