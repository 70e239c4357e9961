// Makes every file operation of a collection's life fail in turn: nothing may be acknowledged that did
// not happen, everything acknowledged is there after reopening, no handle stays open.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeFileOps } from '@annulus/storage'
import { inspect } from '../inspect.js'
import { idOf, pointOf } from '../points.js'
import { codeOf, openSite, type Site, storageOf } from '../site.js'
import { type Fault, failingFiles, faultKinds } from './failing-files.js'

export interface SweepReport {
  /** Lives, each with another fault. */
  lives: number
  injected: number
  readonly problems: string[]
}

export interface SweepOptions {
  readonly directory: string
  /** Every so many operations only; default 1. */
  readonly step?: number
  readonly silent?: boolean
}

type State = ReadonlyMap<number, number>

/** What may be found: after the last acknowledged change, and with those that failed. */
interface Life {
  acknowledged: State
  readonly possible: State[]
}

export async function sweepFaults(options: SweepOptions): Promise<SweepReport> {
  const report: SweepReport = { lives: 0, injected: 0, problems: [] }
  const { step = 1, silent = false } = options
  for (const kind of faultKinds) {
    for (const forEver of [false, true]) {
      for (let at = 1; report.problems.length === 0; at += step) {
        const injected = await lifeWith({ kind, at, forEver, silent }, options.directory, report)
        if (injected === 0) break
      }
    }
  }
  return report
}

async function lifeWith(fault: Fault, directory: string, report: SweepReport): Promise<number> {
  const path = await mkdtemp(join(directory, 'fault-'))
  const files = failingFiles(fault)
  const life: Life = { acknowledged: new Map(), possible: [new Map()] }
  const what = `${fault.kind} at ${fault.at}${fault.forEver ? ' for ever' : ''}`
  report.lives++
  try {
    await live(path, files, life)
    if (files.handles !== 0) report.problems.push(`${what}: ${files.handles} handles stayed open`)
    await check(path, life)
  } catch (error) {
    report.problems.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
  }
  report.injected += files.injected
  await rm(path, { recursive: true, force: true })
  return files.injected
}

const many = Array.from({ length: 150 }, (_, number) => number)

async function live(path: string, files: ReturnType<typeof failingFiles>, life: Life) {
  for (const round of [1, 2]) {
    const storage = storageOf('pread', files)
    const site = await typed(openSite({ path, storage, files, codesFrom: 1_000_000 }))
    if (site === undefined) continue
    await change(site, life, round * 10, many.slice(0, 70 * round))
    await typed(site.collection.flush())
    await change(site, life, undefined, many.slice(20, 40))
    await change(site, life, round * 10 + 1, many.slice(30, 35))
    await typed(site.db.close())
  }
}

async function change(
  { collection }: Site,
  life: Life,
  version: number | undefined,
  numbers: number[],
) {
  const next = new Map(life.acknowledged)
  for (const number of numbers) {
    if (version === undefined) next.delete(number)
    else next.set(number, version)
  }
  const work =
    version === undefined
      ? collection.delete(numbers.map(idOf))
      : collection.upsert(numbers.map((number) => pointOf(number, version)))
  const done = await typed(work)
  if (done === undefined) life.possible.push(next)
  else {
    life.acknowledged = next
    life.possible.splice(0, life.possible.length, next)
  }
}

/** The result, or undefined after a failure, which must be one of ours. */
async function typed<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

async function check(path: string, life: Life): Promise<void> {
  const site = await openSite({
    path,
    storage: storageOf('pread'),
    files: nodeFileOps,
    codesFrom: 1_000_000,
  })
  try {
    const { points, problems } = await inspect(site.collection, 1)
    const fits = life.possible.some((state) => keyOf(state) === keyOf(points))
    if (!fits) throw new Error(`${points.size} points, acknowledged ${life.acknowledged.size}`)
    if (problems.length > 0) throw new Error(problems.slice(0, 5).join('; '))
  } finally {
    await site.db.close()
  }
}

function keyOf(state: State): string {
  return JSON.stringify([...state].sort(([a], [b]) => a - b))
}
