// Flips every bit of every file but LMDB's and cuts each at every length, and reads it by itself: hundreds
// of thousands of loads take the time of a few thousand openings.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HnswIndex } from '@annulus/hnsw'
import { Pool, releaseHandle } from '@annulus/native'
import { type Codes, loadCodes } from '@annulus/quantization'
import { small } from '../points.js'
import { parentsOf } from '../power/life.js'
import { Recorder } from '../power/recorder.js'
import { codeOf, storageOf } from '../site.js'
import { build, emptyReport, type FlipReport, numbers } from './flips.js'

export interface EveryBitOptions {
  readonly directory: string
  /** Every so many bits and lengths only; default 1. */
  readonly step?: number
}

/** Reads a file that holds these bytes. True when what it means is what was written; else it throws. */
type Load = (bytes: Uint8Array) => Promise<boolean>

export async function flipEveryBit(options: EveryBitOptions): Promise<FlipReport> {
  const report = emptyReport()
  const path = await mkdtemp(join(options.directory, 'bits-'))
  await build(path, 'pread')
  const collection = join(path, 'collections', '1')
  const pool = new Pool(1)
  try {
    for (const name of await readdir(collection)) {
      const load = await derivedLoad(collection, name, pool)
      if (load !== undefined) await damage(join(collection, name), load, options, report)
    }
    const vectors = join(collection, 'vectors')
    for (const name of await readdir(vectors)) {
      if (/\.(seg|crc)$/.test(name)) {
        await damage(join(vectors, name), await vectorsLoad(vectors, name), options, report)
      }
    }
  } finally {
    pool.close()
  }
  if (report.problems.length === 0) await rm(path, { recursive: true })
  return report
}

/** Flips the bits of one file and cuts it. */
export async function damage(
  file: string,
  load: Load,
  options: Pick<EveryBitOptions, 'step'>,
  report: FlipReport,
): Promise<void> {
  const bytes = await readFile(file)
  const { step = 1 } = options
  const attempt = async (damaged: Uint8Array, what: string) => {
    try {
      if (await load(damaged)) report.harmless++
      else report.problems.push(`${file}, ${what}: read as something else`)
    } catch (error) {
      if (codeOf(error) === undefined) report.problems.push(`${file}, ${what}: ${String(error)}`)
      report.detected++
    }
  }
  if (!(await load(bytes))) throw new Error(`${file} is not read as it was written`)
  for (let bit = 0; bit < bytes.length * 8 && report.problems.length === 0; bit += step) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    report.flips++
    await attempt(flipped, `bit ${bit}`)
  }
  for (let length = 0; length < bytes.length && report.problems.length === 0; length += step) {
    report.truncations++
    await attempt(bytes.subarray(0, length), `length ${length}`)
  }
}

/** Codes and graph are loaded from a file, and saved again to be compared. The slot table is for openings. */
async function derivedLoad(directory: string, name: string, pool: Pool): Promise<Load | undefined> {
  if (!/^(codes|graph)\.\d+\.snap$/.test(name)) return undefined
  const file = join(directory, `${name}.damaged`)
  const again = join(directory, `${name}.again`)
  const pristine = await readFile(join(directory, name))
  const same = async (save: () => Promise<unknown>) => {
    await save()
    return pristine.equals(await readFile(again))
  }
  if (name.startsWith('codes.')) {
    return async (bytes) => {
      await writeFile(file, bytes)
      const codes = await loadCodes(file, { pool })
      return same(() => codes.save(again)).finally(() => codes.close())
    }
  }
  const codesName = (await readdir(directory)).find((each) => /^codes\.\d+\.snap$/.test(each))
  const codes = await loadCodes(join(directory, codesName ?? ''), { pool })
  return async (bytes) => {
    await writeFile(file, bytes)
    const graph = await loadGraph(file, codes, pool)
    return same(() => graph.save(again)).finally(() => graph.close())
  }
}

async function loadGraph(file: string, codes: Codes, pool: Pool): Promise<HnswIndex> {
  const scorer = codes.scorer()
  try {
    return await HnswIndex.load(file, { pool, scorer })
  } finally {
    releaseHandle(scorer)
  }
}

/** Segments and checksums are read from memory, all vectors of them. */
async function vectorsLoad(directory: string, damaged: string): Promise<Load> {
  const names = parentsOf(directory)
  const contents: Uint8Array[] = []
  for (const name of await readdir(directory)) {
    names.set(join(directory, name), contents.length)
    contents.push(await readFile(join(directory, name)))
  }
  const number = names.get(join(directory, damaged)) ?? 0
  const slots = Uint32Array.from(numbers, (_, slot) => slot)
  const read = async (files: Recorder) => {
    const options = { path: directory, dimension: small.dimension, slots: slots.length }
    const storage = await storageOf('pread', files).open(options)
    try {
      return await storage.read(slots)
    } finally {
      await storage.close()
    }
  }
  const expected = await read(new Recorder({}, names, contents))
  return async (bytes) => {
    const found = await read(new Recorder({}, names, contents.with(number, bytes)))
    return found.every((value, i) => value === expected[i])
  }
}
