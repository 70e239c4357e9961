// Cuts the power at random moments of recorded lives, opens what is left, and compares it with what
// was acknowledged; sometimes the power fails again while that is being opened.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from '../inspect.js'
import { type Random, randomFrom, under } from '../random.js'
import { openSite, storageOf } from '../site.js'
import { type CrashState, crashState, filesOf } from './crash-state.js'
import { codesFrom, type Life, lmdbPath, parentsOf, recordLife, type State } from './life.js'

export interface CutOptions {
  readonly states: number
  readonly seed: number
  /** For LMDB's file, which must be a real one; memory is enough. */
  readonly directory: string
  /** Syncs of such paths are left out. */
  readonly forgets?: (path: string) => boolean
  /** LMDB's meta page reaches the disk before the pages that it names. */
  readonly metaFirst?: boolean
}

export interface CutReport {
  states: number
  lives: number
  /** Of the states, those left by a second cut during recovery. */
  again: number
  /** Of the states, those with a commit of LMDB half written. */
  torn: number
  readonly problems: string[]
}

const statesPerLife = 500
const againShare = 0.2

export async function cutPower(options: CutOptions): Promise<CutReport> {
  const report: CutReport = { states: 0, lives: 0, again: 0, torn: 0, problems: [] }
  const path = join(options.directory, 'power')
  while (report.states < options.states && report.problems.length === 0) {
    const seed = options.seed + report.lives++
    const life = await recordLife(path, seed, options.forgets)
    const random = randomFrom(seed)
    const count = Math.min(statesPerLife, options.states - report.states)
    for (let i = 0; i < count && report.problems.length === 0; i++) {
      await cutOnce(path, life, random, options.metaFirst === true, report).catch((error) => {
        report.problems.push(`life ${seed}, state ${i}: ${String(error?.stack ?? error)}`)
      })
    }
  }
  rmSync(path, { recursive: true, force: true })
  return report
}

async function cutOnce(
  path: string,
  life: Life,
  random: Random,
  metaFirst: boolean,
  report: CutReport,
): Promise<void> {
  report.states++
  const operations = under(random, life.log.length + 1)
  const { bytes, state, torn } = lmdbAt(life, operations, random, metaFirst)
  if (torn) report.torn++
  const left = crashState(life.log, operations, random, parentsOf(path))
  const { log, lmdb } = await reopen(path, left, bytes, state)
  if (random() >= againShare || log.length === 0) return
  report.states++
  report.again++
  // What the first cut left is certain by now; what recovery did to it is not.
  const second = crashState(log, under(random, log.length + 1), random, left.names, left.contents)
  await reopen(path, second, lmdb, state)
}

/** LMDB's file at a moment: when a commit is under way it may be old, new or half written. */
function lmdbAt(life: Life, operations: number, random: Random, metaFirst: boolean) {
  const done = life.versions.filter((version) => version.operations < operations)
  const open = life.versions.filter((version) => version.operations === operations)
  const sure = done.at(-1) ?? life.versions[0]
  const reached = under(random, open.length + 1)
  const last = reached === 0 ? sure : open[reached - 1]
  const next = open[reached]
  if (last === undefined) throw new Error('a life without versions')
  if (next === undefined || last.bytes.length === 0 || random() < 0.3)
    return { ...last, torn: false }
  return {
    bytes: halfWritten(last.bytes, next.bytes, metaFirst, random),
    state: last.state,
    torn: true,
  }
}

const pageBytes = 4096
const sectorBytes = 512

/** LMDB writes and syncs the pages of a commit, then one of its two meta pages. */
function halfWritten(
  old: Uint8Array,
  next: Uint8Array,
  metaFirst: boolean,
  random: Random,
): Uint8Array {
  const out = new Uint8Array(Math.max(old.length, next.length))
  out.set(old)
  if (metaFirst) out.set(next.subarray(0, 2 * pageBytes))
  const share = random()
  for (let at = 2 * pageBytes; at < next.length; at += sectorBytes) {
    if (random() < share) out.set(next.subarray(at, at + sectorBytes), at)
  }
  return out
}

/**
 * Opens what is left. Returns what recovery did to the files, and LMDB's: a collection that was not there
 * yet has its settings in it before it has a directory.
 */
async function reopen(path: string, left: CrashState, lmdb: Uint8Array, expected: State) {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  if (lmdb.length > 0) writeFileSync(lmdbPath(path), lmdb)
  const recorder = filesOf(left)
  const rebuilt: string[] = []
  const onRebuilt = (reason: string) => rebuilt.push(reason)
  const storage = storageOf('pread', recorder)
  const site = await openSite({ path, storage, files: recorder, codesFrom, onRebuilt })
  const log = recorder.log.slice()
  const recovered = readFileSync(lmdbPath(path))
  try {
    const { points, problems } = await inspect(site.collection, expected.size)
    const wrong = [...problems, ...rebuilt, ...differences(expected, points)]
    if (wrong.length > 0) throw new Error(wrong.slice(0, 5).join('; '))
  } finally {
    await site.db.close()
  }
  if (recorder.handles > 0) throw new Error(`${recorder.handles} handles stayed open`)
  return { log, lmdb: recovered }
}

function differences(expected: State, actual: State): string[] {
  return [...new Set([...expected.keys(), ...actual.keys()])]
    .filter((number) => expected.get(number) !== actual.get(number))
    .map((number) => `${number}: ${actual.get(number)} instead of ${expected.get(number)}`)
}
