// Every file operation of a short life is made to fail, one after the other: nothing may be
// acknowledged that did not happen, everything acknowledged must be there after a reopen, no handle
// may stay open. The same life runs until it comes to its end without meeting the fault.
import { AnnulusError } from '@annulus/native'
import type { VectorStorage } from '../types.js'
import { equal, ok, sameFloats } from './expect.js'
import { type Fault, type FaultKind, FaultyFiles, faultKinds } from './faulty-files.js'
import { atSite, type Site, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { firstSlots, gather, vectorsOf } from './vectors.js'

const dimension = 120
const segmentBytesMax = segmentBytesFor(dimension, 8)
const vectors = vectorsOf(20, dimension)
/** The last write: some freed slots of all segments, and two behind the end. */
const scattered = Uint32Array.of(3, 4, 9, 15, 20, 21)
const replacements = vectorsOf(scattered.length, dimension, 31)
const replacement = vectorsOf(1, dimension, 32)

/** What a life was told: how many slots are durable, and what the freed slots may hold. */
interface Life {
  acknowledged: number
  freedWritten: boolean
  freedAcknowledged: boolean
  failures: AnnulusError[]
}

/** Slots that certainly hold their first vectors. */
function untouched(count: number): Uint32Array {
  return firstSlots(Math.min(count, 20)).filter((slot) => !scattered.includes(slot))
}

function slice(from: number, to: number): Float32Array {
  return vectors.slice(from * dimension, to * dimension)
}

/** Runs a step; a failure must be typed. Returns whether it succeeded. */
async function attempt(life: Life, step: () => Promise<unknown>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (error) {
    ok(error instanceof AnnulusError, `not an AnnulusError: ${String(error)}`)
    life.failures.push(error)
    return false
  }
}

/** Writes or flushes: after one failed, all others must be refused. */
async function change(life: Life, latched: boolean, step: () => Promise<void>): Promise<boolean> {
  const succeeded = await attempt(life, step)
  if (!latched) return succeeded
  equal(succeeded, false, 'a write or flush succeeded after one had failed')
  equal(life.failures.at(-1)?.code, 'ANNULUS_LATCHED')
  return false
}

async function readBack(life: Life, storage: VectorStorage, count: number): Promise<void> {
  const slots = untouched(count)
  await attempt(life, async () => {
    sameFloats(await storage.read(slots), gather(vectors, slots, dimension), 'vectors read')
  })
}

async function live(site: Site): Promise<Life> {
  const life: Life = {
    acknowledged: 0,
    freedWritten: false,
    freedAcknowledged: false,
    failures: [],
  }
  const storage = await site.open({ dimension }).catch((error: unknown) => {
    ok(error instanceof AnnulusError, `open: not an AnnulusError: ${String(error)}`)
    life.failures.push(error)
  })
  if (storage === undefined) return life
  let healthy = true
  for (const [from, to] of [
    [0, 6],
    [6, 20],
  ] as const) {
    healthy = await change(life, !healthy, () => storage.write(from, slice(from, to)))
    const visible: number = storage.slots
    if (healthy) equal(visible, to, 'slots after a write')
    await readBack(life, storage, visible)
    healthy = await change(life, !healthy, () => storage.flush())
    if (healthy) life.acknowledged = to
  }
  if (healthy) life.freedWritten = true
  healthy = await change(life, !healthy, () => storage.write(scattered, replacements))
  healthy = await change(life, !healthy, () => storage.flush())
  life.freedAcknowledged = healthy
  if (healthy) life.acknowledged = 22
  await readBack(life, storage, storage.slots)
  await attempt(life, () => storage.close())
  return life
}

/** What was acknowledged is there, whatever else is. */
async function verify(life: Life, storage: VectorStorage): Promise<void> {
  ok(storage.slots >= life.acknowledged, `${life.acknowledged} slots were acknowledged`)
  const { acknowledged, freedWritten } = life
  const sure = freedWritten ? untouched(acknowledged) : firstSlots(acknowledged)
  sameFloats(await storage.read(sure), gather(vectors, sure, dimension), 'acknowledged vectors')
  if (!life.freedAcknowledged) return
  sameFloats(await storage.read(scattered), replacements, 'the acknowledged overwrite')
}

async function recoverFrom(life: Life, site: Site): Promise<void> {
  const asFound = await site.open({ dimension })
  await verify(life, asFound)
  await asFound.close()
  const storage = await site.open({ dimension, slots: life.acknowledged })
  equal(storage.slots, life.acknowledged)
  await verify(life, storage)
  await storage.write(life.acknowledged, replacement)
  await storage.flush()
  await storage.close()
  const again = await site.open({ dimension, slots: life.acknowledged + 1 })
  await verify(life, again)
  const last = Uint32Array.of(life.acknowledged)
  sameFloats(await again.read(last), replacement, 'a vector written after recovery')
  await again.close()
}

const mustReject = new Set(['write', 'sync', 'sync directory', 'rename', 'truncate', 'open'])

function checkHonest(life: Life, files: FaultyFiles, kind: FaultKind): void {
  const harmful = files.hits.some((operation) => mustReject.has(operation))
  if (harmful && (kind === 'EIO' || kind === 'ENOSPC')) {
    ok(life.failures.length > 0, `${files.hits[0]} failed with ${kind} and nobody was told`)
  }
  if (kind === 'short') equal(life.failures[0], undefined, 'short transfers must be resumed')
  const first = life.failures[0]
  if (first === undefined || kind === 'short') return
  equal(first.details['errno'], kind, `the first error names its errno: ${first.message}`)
  ok(typeof first.details['path'] === 'string', 'the first error names its path')
}

/** One life with one fault; returns whether the fault was met. */
async function lifeWith(subject: StorageSubject, fault: Fault): Promise<boolean> {
  const files = new FaultyFiles(fault)
  let met = false
  await atSite(subject, { segmentBytesMax, files }, async (site) => {
    const life = await live(site)
    met = files.hits.length > 0
    equal(files.openHandles, 0, 'files and locks left open')
    checkHonest(life, files, fault.kind)
    const healed = new FaultyFiles()
    const healedSubject = subject.storage({ segmentBytesMax, files: healed })
    await recoverFrom(life, site.through(healedSubject))
    equal(healed.openHandles, 0, 'files and locks left open after recovery')
  })
  return met
}

/** Runs lives with later and later faults, some at once, until one ends before its fault. */
async function liveUntilSpared(life: (at: number) => Promise<boolean>): Promise<number> {
  const atOnce = 8
  for (let reached = 0; ; reached += atOnce) {
    const lives = Array.from({ length: atOnce }, (_, i) => life(reached + 1 + i))
    const met = await Promise.all(lives)
    if (met.includes(false)) return reached + met.indexOf(false)
  }
}

export function testFaults({ describe, it }: Runner, subject: StorageSubject): void {
  if (!subject.capabilities.faults) return
  describe('faults', () => {
    for (const kind of faultKinds) {
      for (const forEver of [false, true]) {
        it(`survives ${kind} at every file operation, ${forEver ? 'for ever' : 'once'}`, async () => {
          const reached = await liveUntilSpared((at) => lifeWith(subject, { kind, at, forEver }))
          ok(reached > 10, `only ${reached} operations went through the file operations given`)
        })
      }
    }
  })
}
