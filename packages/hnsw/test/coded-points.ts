// The set-up of most test files: clumped points, a pool, and the points' codes, made before the first test and given back
// after the last.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from '@annulus/native'
import type { Codes } from '@annulus/quantization'
import { afterAll, beforeAll } from 'vitest'
import { HnswIndex, type HnswOptions } from '../src/index.js'
import { clumpedVectors, encode } from './points.js'

export interface CodedPoints {
  readonly vectors: Float32Array
  readonly pool: Pool
  readonly codes: Codes
  /** For files, empty at first. */
  readonly directory: string
  /** An empty graph for these points. */
  newGraph(options?: Omit<HnswOptions, 'pool' | 'scorer'>): HnswIndex
}

/** To be called once, at the top of a test file; all but `vectors` is there once the tests run. */
export function codedPoints(
  count: number,
  dimension: number,
  { seed, threads = 2 }: { seed: number; threads?: number },
): CodedPoints {
  const vectors = clumpedVectors(count, dimension, seed)
  let made: Omit<CodedPoints, 'vectors' | 'newGraph'> | undefined
  const ready = () => {
    if (made === undefined) throw new Error('asked for before the tests run')
    return made
  }
  beforeAll(async () => {
    const pool = new Pool(threads)
    const codes = await encode(vectors, dimension, pool)
    made = { pool, codes, directory: mkdtempSync(join(tmpdir(), 'annulus-hnsw-')) }
  })
  afterAll(() => {
    const { pool, codes, directory } = ready()
    codes.close()
    pool.close()
    rmSync(directory, { recursive: true })
  })
  return {
    vectors,
    get pool() {
      return ready().pool
    },
    get codes() {
      return ready().codes
    },
    get directory() {
      return ready().directory
    },
    newGraph: (options = {}) =>
      HnswIndex.create({ pool: ready().pool, scorer: ready().codes.scorer(), ...options }),
  }
}
