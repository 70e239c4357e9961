// A life of a collection, recorded: file operations, and what LMDB's file held between them.
import { mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { idOf, pointOf } from '../points.js'
import { randomFrom, under } from '../random.js'
import { openSite, storageOf } from '../site.js'
import { directoryNumber, type Recorded, Recorder, type RecorderOptions } from './recorder.js'

export type State = ReadonlyMap<number, number>

/** LMDB's file after a commit, which came between two file operations. */
export interface Version {
  /** File operations before the commit. */
  readonly operations: number
  readonly bytes: Uint8Array
  /** What the collection holds by it. */
  state: State
}

export interface Life {
  readonly log: readonly Recorded[]
  /** In the order of their commits; the first is before there was any. */
  readonly versions: readonly Version[]
}

/** No codes, no graph: those are written by native code, which the recorder does not see. */
export const codesFrom = 1_000_000
const changesMax = 16
const numbersMax = 60
const batchMax = 24

export async function recordLife(
  path: string,
  seed: number,
  forgets?: RecorderOptions['forgets'],
): Promise<Life> {
  await rm(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  const versions: Version[] = [{ operations: 0, bytes: new Uint8Array(), state: new Map() }]
  let state: State = new Map()
  // While an operation runs, versions come with the state that it leads to.
  const look = (operations: number) => {
    const bytes = lmdbFile(path)
    const last = versions.at(-1)
    if (last !== undefined && Buffer.compare(last.bytes, bytes) !== 0) {
      versions.push({ operations, bytes, state })
    }
  }
  const recorder = new Recorder({ forgets, onOperation: look }, parentsOf(path))
  const storage = storageOf('pread', recorder)
  const { db, collection } = await openSite({ path, storage, files: recorder, codesFrom })
  const random = randomFrom(seed)
  for (let change = 0; change < changesMax; change++) {
    look(recorder.log.length)
    const numbers = [
      ...new Set(
        Array.from({ length: 1 + under(random, batchMax) }, () => under(random, numbersMax)),
      ),
    ]
    const dice = random()
    const next = new Map(state)
    if (dice < 0.65) {
      for (const number of numbers) next.set(number, change + 1)
      state = next
      await collection.upsert(numbers.map((number) => pointOf(number, change + 1)))
    } else if (dice < 0.85) {
      for (const number of numbers) next.delete(number)
      state = next
      await collection.delete(numbers.map(idOf))
    } else await collection.flush()
  }
  look(recorder.log.length)
  await db.close()
  look(recorder.log.length)
  return { log: recorder.log, versions }
}

/** The directories that are there before the life begins. */
export function parentsOf(path: string): Map<string, number> {
  const names = new Map<string, number>()
  for (let each = path; ; each = dirname(each)) {
    names.set(each, directoryNumber)
    if (each === '/') return names
  }
}

export function lmdbPath(path: string): string {
  return join(path, 'annulus.mdb')
}

function lmdbFile(path: string): Uint8Array {
  try {
    return readFileSync(lmdbPath(path))
  } catch {
    return new Uint8Array()
  }
}
