// Reads the real vector sets where they are present (format: fvecs, bvecs, ivecs).
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = process.env['ANNULUS_DATA'] ?? resolve(root, '../shared/data')

export interface RealSet {
  readonly dimension: number
  readonly base: Float32Array
  readonly queries: Float32Array
}

export function hasRealSet(name: string): boolean {
  return existsSync(join(folder, name, 'meta.json'))
}

/** At most `rows` base vectors, from the first on. */
export function readRealSet(name: string, rows: number): RealSet {
  const directory = join(folder, name)
  const bytes = existsSync(join(directory, 'base.bvecs'))
  const base = readRows(join(directory, bytes ? 'base.bvecs' : 'base.fvecs'), bytes ? 1 : 4, rows)
  const queries = readRows(join(directory, 'queries.fvecs'), 4, 1e9)
  return { dimension: base.dimension, base: base.values, queries: queries.values }
}

function readRows(path: string, componentBytes: 1 | 4, rowsMax: number) {
  const file = readFileSync(path)
  const dimension = file.readUInt32LE(0)
  const stride = 4 + dimension * componentBytes
  const rows = Math.min(rowsMax, file.length / stride)
  const values = new Float32Array(rows * dimension)
  for (let row = 0; row < rows; row++) {
    const from = file.byteOffset + row * stride + 4
    const components =
      componentBytes === 1
        ? new Uint8Array(file.buffer, from, dimension)
        : new Float32Array(file.buffer, from, dimension)
    values.set(components, row * dimension)
  }
  return { dimension, values }
}
