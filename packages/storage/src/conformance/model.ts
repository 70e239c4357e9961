// Random sequences of commands, compared after each step with the simplest model there is: a Map
// from slot to vector. fast-check shrinks what fails and prints how to repeat it.
import { metrics } from '@annulus/native'
import fc from 'fast-check'
import type { VectorStorage } from '../types.js'
import { equal, nearReference, ok, rejectsAborted, rejectsWith, sameFloats } from './expect.js'
import { atSite, type Site, segmentBytesFor } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { firstSlots, vectorAt, vectorsOf } from './vectors.js'

interface Model {
  readonly dimension: number
  vectors: Map<number, Float32Array>
}

interface Real {
  readonly site: Site
  readonly ran: Map<string, number>
  storage: VectorStorage
}

type Command = fc.AsyncCommand<Model, Real>

function remember(model: Model, firstSlot: number, vectors: Float32Array): void {
  for (let i = 0; i * model.dimension < vectors.length; i++) {
    model.vectors.set(firstSlot + i, vectorAt(vectors, i, model.dimension))
  }
}

/** The model's answer to a read. */
function expected(model: Model, slots: Uint32Array): Float32Array {
  const out = new Float32Array(slots.length * model.dimension)
  slots.forEach((slot, i) => {
    out.set(model.vectors.get(slot) ?? [], i * model.dimension)
  })
  return out
}

/** Turns arbitrary numbers into slots that were written. */
function slotsFrom(model: Model, numbers: readonly number[]): Uint32Array {
  return Uint32Array.from(numbers, (number) => number % model.vectors.size)
}

function command(
  name: string,
  needsVectors: boolean,
  run: (model: Model, real: Real) => Promise<void>,
): Command {
  return {
    check: (model) => !needsVectors || model.vectors.size > 0,
    run: async (model, real) => {
      await run(model, real)
      equal(real.storage.slots, model.vectors.size, `slots after ${name}`)
      const kind = name.split(' ')[0] ?? name
      real.ran.set(kind, (real.ran.get(kind) ?? 0) + 1)
    },
    toString: () => name,
  }
}

const write = (count: number, seed: number) =>
  command(`write ${count} vectors of seed ${seed}`, false, async (model, { storage }) => {
    const vectors = vectorsOf(count, model.dimension, seed)
    const first = model.vectors.size
    await storage.write(first, vectors)
    remember(model, first, vectors)
  })

const overwrite = (at: number, count: number, seed: number) =>
  command(`overwrite ${count} at ${at} with seed ${seed}`, true, async (model, { storage }) => {
    const vectors = vectorsOf(count, model.dimension, seed)
    const first = at % model.vectors.size
    await storage.write(first, vectors)
    remember(model, first, vectors)
  })

/** The vectors at other slots are read meanwhile. */
const scatter = (numbers: readonly number[], fresh: number, seed: number) =>
  command(`scatter to ${numbers} and ${fresh} more`, true, async (model, { storage }) => {
    const { size } = model.vectors
    const freed = new Set(numbers.map((number) => number % size))
    const added = Array.from({ length: fresh }, (_, i) => size + i)
    const slots = Uint32Array.from([...[...freed].sort((a, b) => a - b), ...added])
    const others = Uint32Array.from(model.vectors.keys()).filter((slot) => !freed.has(slot))
    const wanted = expected(model, others)
    const vectors = vectorsOf(slots.length, model.dimension, seed)
    const [, beside] = await Promise.all([storage.write(slots, vectors), storage.read(others)])
    sameFloats(beside, wanted, 'vectors read beside a scattered write')
    for (const [i, slot] of slots.entries()) {
      model.vectors.set(slot, vectorAt(vectors, i, model.dimension))
    }
    const all = firstSlots(model.vectors.size)
    sameFloats(await storage.read(all), expected(model, all), 'vectors after a scattered write')
  })

const read = (numbers: readonly number[]) =>
  command(`read ${numbers}`, true, async (model, { storage }) => {
    const slots = slotsFrom(model, numbers)
    sameFloats(await storage.read(slots), expected(model, slots), 'vectors read')
  })

const score = (numbers: readonly number[], metricIndex: number, seed: number) =>
  command(`score ${numbers} by ${metricIndex}`, true, async (model, { storage }) => {
    const metric = metrics[metricIndex] ?? 'dot'
    const slots = slotsFrom(model, numbers)
    const query = vectorsOf(1, model.dimension, seed)
    nearReference(await storage.score(query, slots, metric), metric, query, expected(model, slots))
  })

const flush = () => command('flush', false, (_, { storage }) => storage.flush())

const reopen = (lose: number | undefined) =>
  command(`reopen losing ${lose}`, false, async (model, real) => {
    await real.storage.flush()
    await real.storage.close()
    const slots = lose === undefined ? undefined : Math.max(0, model.vectors.size - lose)
    for (let slot = slots ?? Number.POSITIVE_INFINITY; slot < model.vectors.size; ) {
      model.vectors.delete(model.vectors.size - 1)
    }
    const options = { dimension: model.dimension, ...(slots === undefined ? {} : { slots }) }
    real.storage = await real.site.open(options)
    const all = Uint32Array.from(model.vectors.keys()).sort()
    sameFloats(await real.storage.read(all), expected(model, all), 'vectors after reopen')
  })

const abort = (numbers: readonly number[]) =>
  command(`abort ${numbers}`, true, async (model, { storage }) => {
    const slots = slotsFrom(model, numbers)
    const controller = new AbortController()
    const reading = storage.read(slots, { signal: controller.signal })
    controller.abort('model')
    const answer = await reading.catch(() => undefined)
    if (answer === undefined) await rejectsAborted(() => reading, 'model')
    else sameFloats(answer, expected(model, slots), 'an answer in spite of abort')
  })

const together = (count: number, seed: number, numbers: readonly number[]) =>
  command(`together write ${count}, read ${numbers}`, true, async (model, { storage }) => {
    const vectors = vectorsOf(count, model.dimension, seed)
    const slots = slotsFrom(model, numbers)
    const first = model.vectors.size
    const wanted = expected(model, slots)
    const [, before, , after] = await Promise.all([
      storage.write(first, vectors),
      storage.read(slots),
      storage.flush(),
      storage.read(slots),
    ])
    sameFloats(before, wanted, 'vectors read beside a write')
    sameFloats(after, wanted, 'vectors read beside a flush')
    remember(model, first, vectors)
  })

const bad = (kind: number) =>
  command(`bad input ${kind}`, false, async (model, { storage }) => {
    const { size } = model.vectors
    const vector = vectorsOf(1, model.dimension)
    if (kind === 0) await rejectsWith('ANNULUS_OUT_OF_RANGE', () => storage.write(size + 1, vector))
    if (kind === 1) {
      await rejectsWith('ANNULUS_OUT_OF_RANGE', () => storage.read(Uint32Array.of(size)))
    }
    if (kind === 2) {
      await rejectsWith('ANNULUS_INVALID_VECTOR', () => storage.write(0, vector.fill(Number.NaN)))
    }
  })

function commandsFor(subject: StorageSubject) {
  const seed = fc.integer({ min: 1, max: 2 ** 30 })
  const count = fc.integer({ min: 0, max: 13 })
  const numbers = fc.array(fc.nat(), { minLength: 0, maxLength: 20 })
  const lose = fc.option(fc.nat(20), { nil: undefined })
  const kinds: fc.Arbitrary<Command>[] = [
    fc.tuple(count, seed).map((given) => write(...given)),
    fc.tuple(count, seed).map((given) => write(...given)),
    fc.tuple(fc.nat(), count, seed).map((given) => overwrite(...given)),
    fc.tuple(numbers, fc.nat(5), seed).map((given) => scatter(...given)),
    numbers.map(read),
    fc.tuple(numbers, fc.nat(3), seed).map((given) => score(...given)),
    fc.constant(flush()),
    numbers.map(abort),
    fc.tuple(count, seed, numbers).map((given) => together(...given)),
    fc.nat(2).map(bad),
  ]
  if (subject.capabilities.persistent) kinds.push(lose.map(reopen))
  return fc.commands(kinds, { maxCommands: 40, size: 'max' })
}

export function testModel({ describe, it }: Runner, subject: StorageSubject): void {
  describe('model', () => {
    it('behaves like a Map from slot to vector under random commands', async () => {
      const ran = new Map<string, number>()
      const dimension = fc.constantFrom(1, 2, 7, 33, 100, 128)
      const property = fc.asyncProperty(dimension, commandsFor(subject), async (size, commands) => {
        await atSite(subject, { segmentBytesMax: segmentBytesFor(size, 6) }, async (site) => {
          const storage = await site.open({ dimension: size })
          const real = { site, ran, storage }
          await fc.asyncModelRun(() => ({ model: newModel(size), real }), commands)
        })
      })
      const { runs = 20, seed = 1 } = subject
      await fc.assert(property, { numRuns: runs, seed })
      const kinds = [
        'write',
        'overwrite',
        'scatter',
        'read',
        'score',
        'flush',
        'abort',
        'together',
        'bad',
      ]
      if (subject.capabilities.persistent) kinds.push('reopen')
      // A model test that never gets anywhere would pass too.
      for (const kind of kinds) ok((ran.get(kind) ?? 0) >= runs / 4, `${kind} ran too seldom`)
    })
  })
}

function newModel(dimension: number): Model {
  return { dimension, vectors: new Map() }
}
