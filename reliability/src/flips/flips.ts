// Damages a small database bit by bit, and cuts each file at every length: it must say so, rebuild
// what is derived, or give the very answers it gave before. LMDB's file is left to `verify`.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from '../inspect.js'
import { pointOf } from '../points.js'
import { type BackendName, codeOf, openSite, storageOf } from '../site.js'

export interface FlipOptions {
  readonly directory: string
  readonly backend: BackendName
  /** Every so many bits and lengths only; default 1. */
  readonly step?: number
}

export interface FlipReport {
  flips: number
  truncations: number
  /** Of both, those that were reported: by an error or by rebuilding. */
  detected: number
  harmless: number
  readonly problems: string[]
}

export function emptyReport(): FlipReport {
  return { flips: 0, truncations: 0, detected: 0, harmless: 0, problems: [] }
}

/** Enough for codes and a graph; even numbers would give numeric ids, whose table is half a megabyte. */
export const numbers = Array.from({ length: 50 }, (_, i) => 2 * i + 1)
const version = 1

export async function flipBits(options: FlipOptions): Promise<FlipReport> {
  const report = emptyReport()
  const pristine = await mkdtemp(join(options.directory, 'pristine-'))
  await build(pristine, options.backend)
  const copy = `${pristine}-copy`
  for (const file of await damageable(pristine)) {
    const bytes = await readFile(join(pristine, file))
    const { step = 1 } = options
    for (let bit = 0; bit < bytes.length * 8 && report.problems.length === 0; bit += step) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      report.flips++
      await attempt(pristine, copy, file, flipped, `bit ${bit}`, options.backend, report)
    }
    for (let length = 0; length < bytes.length && report.problems.length === 0; length += step) {
      report.truncations++
      const cut = bytes.subarray(0, length)
      await attempt(pristine, copy, file, cut, `length ${length}`, options.backend, report)
    }
  }
  await rm(pristine, { recursive: true })
  await rm(copy, { recursive: true, force: true })
  return report
}

/** A small database in which there is everything. */
export async function build(path: string, backend: BackendName): Promise<void> {
  const { db, collection } = await openSite({ path, storage: storageOf(backend) })
  await collection.upsert(numbers.map((number) => pointOf(number, version)))
  await collection.waitForIndex()
  await collection.flush()
  await db.close()
}

async function damageable(path: string): Promise<string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true })
  return found
    .filter((entry) => entry.isFile() && /\.(seg|crc|snap)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort()
}

async function attempt(
  pristine: string,
  copy: string,
  file: string,
  bytes: Uint8Array,
  what: string,
  backend: BackendName,
  report: FlipReport,
): Promise<void> {
  const outcome = await openDamaged(pristine, copy, file, bytes, backend)
  if (outcome === 'detected') report.detected++
  else if (outcome === 'harmless') report.harmless++
  else report.problems.push(`${file}, ${what}: ${outcome.wrong}`)
}

export type Outcome = 'detected' | 'harmless' | { readonly wrong: string }

/** Opens a copy of the database in which one file holds these bytes, and looks at everything. */
export async function openDamaged(
  pristine: string,
  copy: string,
  file: string,
  bytes: Uint8Array,
  backend: BackendName,
): Promise<Outcome> {
  await rm(copy, { recursive: true, force: true })
  await cp(pristine, copy, { recursive: true })
  await writeFile(join(copy, file), bytes)
  let noticed = false
  const onRebuilt = () => {
    noticed = true
  }
  try {
    const site = await openSite({ path: copy, storage: storageOf(backend), onRebuilt })
    try {
      const { points, problems } = await inspect(site.collection, 1)
      if (problems.length > 0 || points.size !== numbers.length) {
        return { wrong: `${points.size} points; ${problems[0]}` }
      }
    } finally {
      await site.db.close()
    }
  } catch (error) {
    if (codeOf(error) === undefined) return { wrong: String(error) }
    noticed = true
  }
  return noticed ? 'detected' : 'harmless'
}
