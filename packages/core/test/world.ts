// Temporary databases, reproducible vectors, and brute force in float64 to compare with.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Metric } from '@annulus/native'
import { memoryStorage, type StorageFactory, type VectorStorage } from '@annulus/storage'
import { afterAll, afterEach } from 'vitest'
import { AnnulusError, type Database, type ErrorCode, open } from '../src/index.js'

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** An empty directory that is removed after the test. */
export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'annulus-core-'))
  cleanups.push(() => rm(path, { recursive: true, force: true }))
  return path
}

/** An empty directory that is removed after all tests of the file. */
export async function lastingDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'annulus-core-'))
  afterAll(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A database that is closed after the test. */
export async function openHere(
  path: string,
  storage: StorageFactory,
  threads = 2,
): Promise<Database> {
  const db = await open(path, { storage, threads })
  cleanups.push(() => db.close())
  return db
}

/** Vectors that stay while files come and go: wherever the database is, it finds the same ones. */
export function lastingMemory(): StorageFactory {
  const memory = memoryStorage({ keep: true })
  return { name: 'memory', open: (options) => memory.open({ ...options, path: 'vectors' }) }
}

/** What a crash leaves: the files as they are now, elsewhere. */
export async function copyOf(path: string): Promise<string> {
  const copy = await directory()
  await cp(path, copy, { recursive: true, filter: (source) => !source.endsWith('-lock') })
  return copy
}

/** Pseudo-random numbers in [0, 1) (Park & Miller 1988). */
export function random(seed: number): () => number {
  let state = (seed % 2147483646) + 1
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

export function vectors(count: number, dimension: number, seed = 1): Float32Array[] {
  const next = random(seed)
  return Array.from({ length: count }, () =>
    Float32Array.from({ length: dimension }, () => next() * 2 - 1),
  )
}

/** The score that a user sees, in float64. */
export function exactScore(metric: Metric, a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0
  let normA = 0
  let normB = 0
  let squared = 0
  let absolute = 0
  for (let i = 0; i < a.length; i++) {
    const x = a[i] ?? 0
    const y = b[i] ?? 0
    dot += x * y
    normA += x * x
    normB += y * y
    squared += (x - y) ** 2
    absolute += Math.abs(x - y)
  }
  if (metric === 'dot') return dot
  if (metric === 'cosine') return dot / Math.sqrt(normA * normB)
  return metric === 'euclidean' ? Math.sqrt(squared) : absolute
}

/** Whether a score is better than another. */
export function isBetter(metric: Metric, a: number, b: number): boolean {
  return metric === 'cosine' || metric === 'dot' ? a > b : a < b
}

/** The code of the AnnulusError that the work fails with. */
export async function failure(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof AnnulusError) return error.code
    throw error
  }
}

/** A storage whose calls a test can watch, hold back or make fail. */
export function wrapped(
  factory: StorageFactory,
  change: (storage: VectorStorage) => Partial<VectorStorage>,
): StorageFactory {
  return {
    name: `wrapped ${factory.name}`,
    async open(options) {
      const inner = await factory.open(options)
      const changes = change(inner)
      return new Proxy(inner, {
        get(target, name) {
          if (Reflect.has(changes, name)) return Reflect.get(changes, name)
          if (name === 'reader') return undefined
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }
}
