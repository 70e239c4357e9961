// What a power cut may leave of a recorded life: what was synced, and of the rest any part, in any
// order, torn at sectors.
import { type Random, under } from '../random.js'
import { directoryNumber, type Recorded, Recorder, resized, written } from './recorder.js'

const sectorBytes = 512

export interface CrashState {
  readonly names: ReadonlyMap<string, number>
  readonly contents: readonly Uint8Array[]
}

/** One of the states after the first `operations` of a life that began with `before` and `bytes`. */
export function crashState(
  log: readonly Recorded[],
  operations: number,
  random: Random,
  before: ReadonlyMap<string, number>,
  bytes: readonly Uint8Array[] = [],
): CrashState {
  const past = log.slice(0, operations)
  const contents = [...bytes]
  const names = new Map(before)
  // How cautious this disk is: some lose nearly everything, some nearly nothing.
  const keep = [0, 0.1, 0.5, 0.9, 1][under(random, 5)] ?? 0.5
  for (const [index, operation] of past.entries()) {
    if (operation.kind === 'name') {
      if (isCertain(past, index, operation) || random() < keep) rename(names, operation)
    } else if (operation.kind === 'write' || operation.kind === 'truncate') {
      const old = contents[operation.file] ?? new Uint8Array()
      contents[operation.file] = isCertain(past, index, operation)
        ? changed(old, operation)
        : partOf(old, operation, keep, random)
    }
  }
  return {
    names: reachable(names),
    contents: Array.from(contents, (each) => each ?? new Uint8Array()),
  }
}

/** The files of a state, to be opened, with room for the numbers of files made later. */
export function filesOf(state: CrashState): Recorder {
  return new Recorder({}, state.names, state.contents)
}

type Change = Exclude<Recorded, { kind: 'sync' | 'sync directory' }>

/** Whether a sync came after it. */
function isCertain(past: readonly Recorded[], index: number, change: Change): boolean {
  for (let i = index + 1; i < past.length; i++) {
    const later = past[i]
    if (change.kind === 'name') {
      if (later?.kind === 'sync directory' && change.directories.includes(later.path)) return true
    } else if (later?.kind === 'sync' && later.file === change.file) return true
  }
  return false
}

function changed(old: Uint8Array, change: Exclude<Change, { kind: 'name' }>): Uint8Array {
  if (change.kind === 'truncate') return resized(old, change.length)
  return written(old, change.bytes, change.position)
}

function partOf(
  old: Uint8Array,
  change: Exclude<Change, { kind: 'name' }>,
  keep: number,
  random: Random,
): Uint8Array {
  if (change.kind === 'truncate') return random() < keep ? changed(old, change) : old
  const { bytes, position } = change
  let out = old
  // A file may have grown although its bytes never arrived.
  if (random() < keep) out = resized(out, Math.max(out.length, position + bytes.length))
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes))
    if (random() < keep) out = written(out, bytes.subarray(at, end), position + at)
    at = end
  }
  return out
}

function rename(names: Map<string, number>, { set, remove }: Extract<Change, { kind: 'name' }>) {
  if (remove !== undefined) names.delete(remove)
  if (set !== undefined) names.set(...set)
}

/** A file is there only if its directory is. */
function reachable(names: ReadonlyMap<string, number>): Map<string, number> {
  const found = new Map<string, number>([['/', directoryNumber]])
  for (const [path, file] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parent = path.slice(0, path.lastIndexOf('/')) || '/'
    if (found.has(parent)) found.set(path, file)
  }
  return found
}
