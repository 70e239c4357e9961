// Makes every file operation of a collection's life fail in turn: nothing may be acknowledged that did
// not happen, everything acknowledged is there after reopening, no handle stays open.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeFileOps } from '@annulus/storage'
import { inspect } from '../inspect.js'
import { idOf, pointOf } from '../points.js'
import { searchMeanwhile } from '../searcher.js'
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
  /** There is an index from so many points on; then somebody searches all the time as well. */
  readonly codesFrom: number
  /** Whether it is loaded after opening. */
  readonly codesLater: boolean
}

const never = 1_000_000

export async function sweepFaults(options: SweepOptions): Promise<SweepReport> {
  const report: SweepReport = { lives: 0, injected: 0, problems: [] }
  const { step = 1, silent = false } = options
  for (const kind of faultKinds) {
    for (const forEver of [false, true]) {
      for (const searched of [false, true]) {
        for (let at = 1; report.problems.length === 0; at += step) {
          // Whoever searches all the time reads as often as there is time for.
          const fault = { kind, at, forEver, silent, reads: !searched }
          const injected = await lifeWith(fault, searched, options.directory, report)
          if (injected === 0) break
        }
      }
    }
  }
  return report
}

async function lifeWith(
  fault: Fault,
  searched: boolean,
  directory: string,
  report: SweepReport,
): Promise<number> {
  const path = await mkdtemp(join(directory, 'fault-'))
  const files = failingFiles(fault)
  const codesFrom = searched ? 20 : never
  const codesLater = fault.at % 2 === 0
  const life: Life = { acknowledged: new Map(), possible: [new Map()], codesFrom, codesLater }
  const what = `${fault.kind} at ${fault.at}${fault.forEver ? ' for ever' : ''}${searched ? ', searched' : ''}`
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
    const { codesFrom, codesLater } = life
    const site = await typed(openSite({ path, storage, files, codesFrom, codesLater }))
    if (site === undefined) continue
    const searcher = life.codesFrom === never ? undefined : searchMeanwhile(site.collection, mine)
    await change(site, life, round * 10, many.slice(0, 70 * round))
    if (searcher !== undefined) await typed(site.collection.waitForIndex())
    await typed(site.collection.flush())
    await change(site, life, undefined, many.slice(20, 40))
    await change(site, life, round * 10 + 1, many.slice(30, 35))
    const problems = await searcher?.stop()
    await typed(site.db.close())
    if (problems?.[0] !== undefined) throw new Error(problems[0])
  }
}

async function change(site: Site, life: Life, version: number | undefined, numbers: number[]) {
  const { collection } = site
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
  if (done === undefined) {
    life.possible.push(next)
    // What has failed is not half there for those who go on reading, either.
    await typed(agree(site, life))
  } else {
    life.acknowledged = next
    life.possible.splice(0, life.possible.length, next)
  }
}

/** The result, or undefined after a failure, which must be one of ours. */
async function typed<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    mine(error)
    return undefined
  }
}

/** Throws what is not an error of ours. */
function mine(error: unknown): void {
  if (codeOf(error) === undefined) throw error
}

async function check(path: string, life: Life): Promise<void> {
  const site = await openSite({
    path,
    storage: storageOf('pread'),
    files: nodeFileOps,
    codesFrom: life.codesFrom,
    codesLater: life.codesLater,
  })
  try {
    await agree(site, life)
  } finally {
    await site.db.close()
  }
}

/** The collection holds one of the states that are possible, and agrees with itself. */
async function agree({ collection }: Site, life: Life): Promise<void> {
  const { points, problems } = await inspect(collection, 1)
  const fits = life.possible.some((state) => keyOf(state) === keyOf(points))
  if (!fits) throw new Error(`${points.size} points, acknowledged ${life.acknowledged.size}`)
  if (problems.length > 0) throw new Error(problems.slice(0, 5).join('; '))
}

function keyOf(state: State): string {
  return JSON.stringify([...state].sort(([a], [b]) => a - b))
}
