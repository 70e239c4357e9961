// Storages that read or score wrongly.
import type { Metric } from '@annulus/native'
import type { ReadOptions } from '../src/types.js'
import { Delegate } from './delegate.js'

export class SortsSlots extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    return super.read(slots instanceof Uint32Array ? slots.slice().sort() : slots, options)
  }
}

export class SortsCallersSlots extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    slots.sort()
    return vectors
  }
}

export class DropsDuplicates extends Delegate {
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

export class ReusesAnswer extends Delegate {
  #answer = new Float32Array(0)

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    const vectors = await super.read(slots, options)
    if (this.#answer.length < vectors.length) this.#answer = new Float32Array(vectors.length)
    this.#answer.set(vectors)
    return this.#answer.subarray(0, vectors.length)
  }
}

export class MixesUpCalls extends Delegate {
  #last: Uint32Array = new Uint32Array(0)

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    this.#last = slots
    await new Promise((resolve) => setImmediate(resolve))
    return super.read(this.#last.length === slots.length ? this.#last : slots, options)
  }
}

export class ChokesOnNothing extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (slots.length === 0) return new Float32Array(this.dimension)
    return super.read(slots, options)
  }
}

export class ScoresSimilarity extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    return metric === 'cosine' ? distances.map((distance) => -distance) : distances
  }
}

export class TakesRoot extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    return metric === 'euclidean' ? distances.map(Math.sqrt) : distances
  }
}

export class RoundsDistances extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    return (await super.score(query, slots, metric, o)).map((d) => d * (1 + 2 ** -22))
  }
}

export class NormalizesQuery extends Delegate {
  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    const distances = await super.score(query, slots, metric, o)
    if (metric === 'cosine') for (let i = 0; i < query.length; i++) query[i] = (query[i] ?? 0) / 2
    return distances
  }
}

export class ThrowsAtOnce extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (slots.some?.((slot) => slot >= this.slots)) throw new RangeError('no such slot')
    return super.read(slots, options)
  }
}

export class IgnoresAbort extends Delegate {
  override read(slots: Uint32Array): Promise<Float32Array> {
    return super.read(slots)
  }
}

export class HidesReason extends Delegate {
  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    if (options?.signal?.aborted) throw new DOMException('aborted', 'AbortError')
    return super.read(slots, options)
  }
}

export class LeaksListeners extends Delegate {
  override read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    options?.signal?.addEventListener('abort', () => {})
    return super.read(slots, options)
  }
}

export class AbortsOthers extends Delegate {
  readonly #underWay = new AbortController()

  override async score(query: Float32Array, slots: Uint32Array, metric: Metric, o?: ReadOptions) {
    o?.signal?.addEventListener('abort', () => this.#underWay.abort(o.signal?.reason))
    await new Promise((resolve) => setImmediate(resolve))
    return super.score(query, slots, metric, { signal: this.#underWay.signal })
  }
}
