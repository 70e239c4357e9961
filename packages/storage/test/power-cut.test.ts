// Power cuts at every moment of random lives, recovery included: what was acknowledged is there.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sameFloats } from '../src/conformance/expect.js'
import { segmentBytesFor } from '../src/conformance/site.js'
import { vectorAt, vectorsOf } from '../src/conformance/vectors.js'
import { preadStorage } from '../src/pread.js'
import type { VectorStorage } from '../src/types.js'
import { VolatileFiles, type VolatileOptions } from './volatile-files.js'

const path = '/data/collection/vectors'
const dimension = 100
const segmentBytesMax = segmentBytesFor(dimension, 10)

interface Step {
  readonly kind: 'append' | 'overwrite' | 'flush' | 'reopen'
  readonly count: number
  readonly seed: number
}

interface Life {
  readonly steps: readonly Step[]
  /** Operations until the power fails, for each of the lives. */
  readonly cutAfter: number
  readonly seed: number
}

/** What the application knows: acknowledged vectors (undefined: whatever a cut left in a freed slot). */
interface Known {
  acknowledged: (Float32Array | undefined)[]
  written: (Float32Array | undefined)[]
  /** Acknowledged slots that were given a new vector since. */
  uncertain: Set<number>
}

function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

async function act(storage: VectorStorage, known: Known, step: Step): Promise<void> {
  if (step.kind === 'flush') {
    await storage.flush()
    known.acknowledged = known.written.slice()
    known.uncertain.clear()
    return
  }
  const vectors = vectorsOf(step.count, dimension, step.seed)
  const size = known.written.length
  const first = step.kind === 'overwrite' && size > 0 ? step.seed % size : size
  for (let i = 0; i < step.count; i++) {
    if (first + i < known.acknowledged.length) known.uncertain.add(first + i)
  }
  await storage.write(first, vectors)
  for (let i = 0; i < step.count; i++) known.written[first + i] = vectorAt(vectors, i, dimension)
}

/** Lives until the power fails (then false) or all is done. */
async function live(files: VolatileFiles, known: Known, steps: readonly Step[]): Promise<boolean> {
  const factory = preadStorage({ files, segmentBytesMax })
  const slots = () => known.acknowledged.length
  try {
    let storage = await factory.open({ path, dimension, slots: slots() })
    known.written = known.acknowledged.slice()
    for (const step of steps) {
      if (step.kind === 'reopen') {
        await act(storage, known, { ...step, kind: 'flush' })
        await storage.close()
        storage = await factory.open({ path, dimension, slots: slots() })
      } else await act(storage, known, step)
    }
    await storage.close()
    return true
  } catch (error) {
    if (files.operationsLeft >= 0) throw error
    return false
  }
}

async function verify(files: VolatileFiles, known: Known, slots: number | undefined) {
  const factory = preadStorage({ files, segmentBytesMax })
  const storage = await factory.open({ path, dimension, ...(slots !== undefined && { slots }) })
  expect(storage.slots).toBeGreaterThanOrEqual(known.acknowledged.length)
  const sure = [...known.acknowledged.keys()].filter((slot) => known.acknowledged[slot])
  const vectors = await storage.read(Uint32Array.from(sure))
  for (const [i, slot] of sure.entries()) {
    sameFloats(
      vectorAt(vectors, i, dimension),
      known.acknowledged[slot] ?? new Float32Array(0),
      `slot ${slot}`,
    )
  }
  await storage.close()
}

async function survives(lives: readonly Life[], options: VolatileOptions): Promise<void> {
  const files = new VolatileFiles(options)
  const known: Known = { acknowledged: [], written: [], uncertain: new Set() }
  for (const { steps, cutAfter, seed } of lives) {
    files.operationsLeft = cutAfter
    await live(files, known, steps)
    files.crash(generator(seed))
    for (const slot of known.uncertain) known.acknowledged[slot] = undefined
    known.uncertain.clear()
    // Once as found, once as committed; the power may fail during recovery in the next life.
    await verify(files, known, undefined)
    await verify(files, known, known.acknowledged.length)
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'overwrite', 'flush', 'flush', 'reopen'),
  count: fc.integer({ min: 1, max: 14 }),
  seed: fc.integer({ min: 1, max: 10_000 }),
})
const life: fc.Arbitrary<Life> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 12, size: 'max' }),
  cutAfter: fc.integer({ min: 0, max: 160 }),
  seed: fc.nat(),
})

function property(options: VolatileOptions) {
  const lives = fc.array(life, { minLength: 1, maxLength: 4, size: 'max' })
  return fc.asyncProperty(lives, (given) => survives(given, options))
}

describe('power cuts', () => {
  it('lose nothing that was acknowledged, and the store always opens', async () => {
    await fc.assert(property({}), { numRuns: 150, seed: 1 })
  })

  // Each sync is there for a reason: without it, some cut loses something.
  const canaries: Record<string, VolatileOptions> = {
    vectors: { forgets: (operation, name) => operation === 'sync' && name.endsWith('.seg') },
    checksums: { forgets: (operation, name) => operation === 'sync' && name.endsWith('.crc') },
    'new files': { forgets: (operation, name) => operation === 'sync' && name.endsWith('.tmp') },
    'the directory': {
      forgets: (operation, name) => operation === 'sync directory' && name === path,
    },
    'the directory above': {
      forgets: (operation, name) => operation === 'sync directory' && name !== path,
    },
  }
  for (const [what, options] of Object.entries(canaries)) {
    it(`are noticed when ${what} are not synced`, async () => {
      const outcome = await fc.check(property(options), {
        numRuns: 400,
        seed: 1,
        endOnFailure: true,
      })
      expect(outcome.failed).toBe(true)
    })
  }
})
