// Storages that are each broken in one way. The suite is worth what it catches: every one of these
// must fail, in the test that is named with it.
import type { Metric } from '@annulus/native'
import type { Capabilities, StorageSubject } from '../src/conformance/index.js'
import { type MemoryStorageOptions, memoryStorage } from '../src/memory.js'
import type { OpenOptions, ReadOptions, StorageStats, VectorStorage } from '../src/types.js'
import { Delegate, delegating } from './delegate.js'

export interface Mutant {
  readonly name: string
  readonly subject: StorageSubject
  /** A test that must fail (part of its name). */
  readonly caughtBy: string
}

export const memoryCapabilities: Capabilities = {
  persistent: true,
  exclusive: true,
  checksums: false,
  faults: false,
  nativeReader: false,
}

type Change = (options: OpenOptions) => OpenOptions

function broken(
  name: string,
  caughtBy: string,
  Broken: new (inner: VectorStorage) => VectorStorage,
  change?: Change,
  options: MemoryStorageOptions = { keep: true },
): Mutant {
  const storage = () => delegating(memoryStorage(options), (inner) => new Broken(inner), change)
  return { name, caughtBy, subject: { name, storage, capabilities: memoryCapabilities, runs: 8 } }
}

class LosesLastVector extends Delegate {
  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    if (vectors.length <= this.dimension * 2) return super.write(firstSlot, vectors)
    const changed = vectors.slice()
    changed.fill(0, changed.length - this.dimension)
    return super.write(firstSlot, changed)
  }
}

class KeepsFirstVersion extends Delegate {
  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    const known = Math.max(0, this.slots - firstSlot) * this.dimension
    if (known === 0 || !Number.isInteger(firstSlot)) return super.write(firstSlot, vectors)
    return super.write(this.slots, vectors.subarray(known))
  }
}

class KeepsCallersArray extends Delegate {
  #kept: [number, Float32Array][] = []

  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    await super.write(firstSlot, vectors)
    this.#kept.push([firstSlot, vectors])
  }

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    for (const [firstSlot, vectors] of this.#kept) await super.write(firstSlot, vectors)
    this.#kept = []
    return super.read(slots, options)
  }
}

class ResolvesBeforeVisible extends Delegate {
  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    setImmediate(() => super.write(firstSlot, vectors).catch(() => {}))
  }
}

class SortsSlots extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    return super.read(slots instanceof Uint32Array ? slots.slice().sort() : slots, options)
  }
}

class SortsCallersSlots extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    slots.sort()
    return vectors
  }
}

class DropsDuplicates extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    const seen = new Set<number>()
    slots.forEach((slot, i) => {
      if (seen.has(slot)) vectors.fill(0, i * this.dimension, (i + 1) * this.dimension)
      seen.add(slot)
    })
    return vectors
  }
}

class ReusesAnswer extends Delegate {
  #answer = new Float32Array(0)

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    if (this.#answer.length < vectors.length) this.#answer = new Float32Array(vectors.length)
    this.#answer.set(vectors)
    return this.#answer.subarray(0, vectors.length)
  }
}

class MixesUpCalls extends Delegate {
  #last: Uint32Array = new Uint32Array(0)

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    this.#last = slots
    await new Promise((resolve) => setImmediate(resolve))
    return super.read(this.#last.length === slots.length ? this.#last : slots, options)
  }
}

class ChokesOnNothing extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (slots.length === 0) return new Float32Array(this.dimension)
    return super.read(slots, options)
  }
}

class ScoresSimilarity extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    return metric === 'cosine' ? distances.map((distance) => -distance) : distances
  }
}

class TakesRoot extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    return metric === 'euclidean' ? distances.map(Math.sqrt) : distances
  }
}

class RoundsDistances extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    return (await super.score(query, slots, metric, o)).map((d) => d * (1 + 2 ** -22))
  }
}

class NormalizesQuery extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    if (metric === 'cosine') for (let i = 0; i < query.length; i++) query[i] = (query[i] ?? 0) / 2
    return distances
  }
}

class AcceptsNaN extends Delegate {
  override write(firstSlot: number, vectors: Float32Array): Promise<void> {
    const floats = vectors instanceof Float32Array
    return super.write(firstSlot, floats ? vectors.map((x) => (Number.isNaN(x) ? 0 : x)) : vectors)
  }
}

class FillsGaps extends Delegate {
  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    if (firstSlot > this.slots) {
      await super.write(this.slots, new Float32Array((firstSlot - this.slots) * this.dimension))
    }
    return super.write(firstSlot, vectors)
  }
}

class WritesBeforeChecking extends Delegate {
  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    if (!(vectors instanceof Float32Array)) return super.write(firstSlot, vectors)
    const bad = vectors.findIndex((x) => !Number.isFinite(x))
    const whole = Math.floor(Math.max(0, bad) / this.dimension) * this.dimension
    if (whole > 0) await super.write(firstSlot, vectors.subarray(0, whole))
    return super.write(firstSlot, vectors)
  }
}

class ThrowsAtOnce extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (slots.some?.((slot) => slot >= this.slots)) throw new RangeError('no such slot')
    return super.read(slots, options)
  }
}

class ClosesTooEarly extends Delegate {
  #tellClosed = () => {}
  readonly #closed = new Promise<void>((resolve) => {
    this.#tellClosed = resolve
  })

  /** Settles a few turns after close has. */
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    await this.#closed
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    return vectors
  }

  override async close(): Promise<void> {
    await super.close()
    this.#tellClosed()
  }
}

class ClosesOnce extends Delegate {
  #closed = false

  override async close(): Promise<void> {
    if (this.#closed) throw new Error('closed already')
    this.#closed = true
    return super.close()
  }
}

class ReadsAfterClose extends Delegate {
  #cache = new Map<string, Float32Array>()

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const key = String(slots)
    const vectors = await super.read(slots, options).catch((error: unknown) => {
      const kept = error instanceof Error && /closed/.test(error.message) && this.#cache.get(key)
      if (kept) return kept
      throw error
    })
    this.#cache.set(key, vectors)
    return vectors
  }

  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    await super.write(firstSlot, vectors)
    await this.read(Uint32Array.of(0)).catch(() => {})
  }
}

class IgnoresAbort extends Delegate {
  override read(slots: Uint32Array): Promise<Float32Array> {
    return super.read(slots)
  }
}

class HidesReason extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (options?.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    return super.read(slots, options)
  }
}

class LeaksListeners extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    options?.signal?.addEventListener('abort', () => {})
    return super.read(slots, options)
  }
}

class ForgetsStats extends Delegate {
  override stats(): StorageStats {
    return { ...super.stats(), vectors: 0 }
  }
}

class StatsGoBack extends Delegate {
  #left = 1_000_000

  override stats(): StorageStats {
    return { ...super.stats(), reads: this.#left-- }
  }
}

class CountsSlotsTooSoon extends Delegate {
  #extra = 0

  override get slots(): number {
    return super.slots + this.#extra
  }

  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    this.#extra = 1
    await new Promise((resolve) => setImmediate(resolve))
    try {
      await super.write(firstSlot, vectors)
    } finally {
      this.#extra = 0
    }
  }
}

class RunsWritesBackwards extends Delegate {
  #first = true

  override async write(firstSlot: number, vectors: Float32Array): Promise<void> {
    const wait = this.#first
    this.#first = false
    if (wait) await new Promise((resolve) => setImmediate(resolve))
    return super.write(firstSlot, vectors)
  }
}

class OffersReader extends Delegate {
  reader(): never {
    throw new Error('there is none')
  }
}

const ignoreSlots: Change = ({ slots: _, ...options }) => options
const keepTooMany: Change = ({ slots, ...options }) =>
  slots === undefined || slots === 0 || slots > 29
    ? { ...options, ...(slots && { slots }) }
    : { ...options, slots: slots + 1 }
const acceptAnyOption: Change = ({ path, dimension, slots, signal }) => ({
  path,
  dimension,
  ...(slots !== undefined && { slots }),
  ...(signal && { signal }),
})

export const mutants: readonly Mutant[] = [
  broken('loses the last vector of a batch', 'appends vectors', LosesLastVector),
  broken('keeps the first version of a slot', 'gives a freed slot a new vector', KeepsFirstVersion),
  broken('keeps the array of the caller', 'does not keep the array', KeepsCallersArray),
  broken('resolves a write before it is visible', 'visible at once', ResolvesBeforeVisible),
  broken('reads in sorted order', 'in the order of the slots', SortsSlots),
  broken('sorts the list of the caller', 'leaves them alone', SortsCallersSlots),
  broken('answers duplicates once', 'duplicates included', DropsDuplicates),
  broken('gives out one buffer again and again', 'an array of its own', ReusesAnswer),
  broken('mixes up concurrent calls', 'many calls at once', MixesUpCalls),
  broken('answers nothing with something', 'an empty list', ChokesOnNothing),
  broken('scores cosine as similarity', 'cosine distances as float64', ScoresSimilarity),
  broken('takes the root of euclidean', 'euclidean distances as float64', TakesRoot),
  broken('differs in the last bit', 'bit for bit', RoundsDistances),
  broken('changes the query', 'leaves the query alone', NormalizesQuery),
  broken('accepts NaN', 'write: NaN', AcceptsNaN),
  broken('fills gaps with zeros', 'write: a gap', FillsGaps),
  broken('writes before it has checked', 'write: -Infinity', WritesBeforeChecking),
  broken('throws instead of rejecting', 'read: a slot too high', ThrowsAtOnce),
  broken('closes while reads run', 'waits for calls in progress', ClosesTooEarly),
  broken('can be closed once only', 'is idempotent', ClosesOnce),
  broken('reads after close', 'ANNULUS_CLOSED', ReadsAfterClose),
  broken('ignores abort', 'aborted already', IgnoresAbort),
  broken('hides the reason of an abort', 'aborted already', HidesReason),
  broken('leaves listeners on signals', 'leaves no listener', LeaksListeners),
  broken('forgets to count', 'count what was done', ForgetsStats),
  broken('counts backwards', 'never go backwards', StatsGoBack),
  broken('counts slots before they are there', 'every slot below', CountsSlotsTooSoon),
  broken('runs writes in another order', 'in the order of the calls', RunsWritesBackwards),
  broken('offers a reader it does not name', 'has no native reader', OffersReader),
  broken('does not persist', 'finds what was flushed', Delegate, undefined, {}),
  broken('never drops slots', 'keeps 7 slots', Delegate, ignoreSlots),
  broken('keeps one slot too many', 'keeps 8 slots', Delegate, keepTooMany),
  broken('accepts any option', 'an unknown option', Delegate, acceptAnyOption),
]
