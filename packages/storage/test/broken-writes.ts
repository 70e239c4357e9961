// Storages that write, close or count wrongly.
import type { ReadOptions, StorageStats } from '../src/types.js'
import { Delegate } from './delegate.js'

export class LosesLastVector extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (vectors.length <= this.dimension * 2) return super.write(slots, vectors)
    const changed = vectors.slice()
    changed.fill(0, changed.length - this.dimension)
    return super.write(slots, changed)
  }
}

export class KeepsFirstVersion extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (typeof slots !== 'number' || !Number.isInteger(slots)) return super.write(slots, vectors)
    const known = Math.max(0, this.slots - slots) * this.dimension
    if (known === 0) return super.write(slots, vectors)
    return super.write(this.slots, vectors.subarray(known))
  }
}

export class TakesSlotsForConsecutive extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    const whole = vectors.length === this.dimension * Number(Object(slots).length)
    const ascend =
      slots instanceof Uint32Array && slots.every((slot, i) => i < 1 || slot > (slots[i - 1] ?? 0))
    const inside = slots instanceof Uint32Array && (slots[0] ?? 0) + slots.length <= this.slots
    return super.write(whole && ascend && inside ? (slots[0] ?? 0) : slots, vectors)
  }
}

export class AcceptsSlotsTwice extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (typeof slots === 'number' || vectors.length !== slots.length * this.dimension) {
      return super.write(slots, vectors)
    }
    const last = new Map(Array.from(slots, (slot, i) => [slot, i]))
    for (const [slot, i] of last) {
      await super.write(slot, vectors.subarray(i * this.dimension, (i + 1) * this.dimension))
    }
  }
}

export class KeepsCallersArray extends Delegate {
  #kept: [number | Uint32Array, Float32Array][] = []

  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    await super.write(slots, vectors)
    this.#kept.push([slots, vectors])
  }

  override async read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    for (const [slots, vectors] of this.#kept) await super.write(slots, vectors)
    this.#kept = []
    return super.read(slots, options)
  }
}

export class ResolvesBeforeVisible extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    setImmediate(() => super.write(slots, vectors).catch(() => {}))
  }
}

export class AcceptsNaN extends Delegate {
  override write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    const floats = vectors instanceof Float32Array
    return super.write(slots, floats ? vectors.map((x) => (Number.isNaN(x) ? 0 : x)) : vectors)
  }
}

export class FillsGaps extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (typeof slots === 'number' && slots > this.slots) {
      await super.write(this.slots, new Float32Array((slots - this.slots) * this.dimension))
    }
    return super.write(slots, vectors)
  }
}

export class WritesBeforeChecking extends Delegate {
  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    if (!(vectors instanceof Float32Array)) return super.write(slots, vectors)
    const bad = vectors.findIndex((x) => !Number.isFinite(x))
    const whole = Math.floor(Math.max(0, bad) / this.dimension) * this.dimension
    if (whole > 0) await super.write(slots, vectors.subarray(0, whole))
    return super.write(slots, vectors)
  }
}

export class ClosesTooEarly extends Delegate {
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

export class ClosesOnce extends Delegate {
  #closed = false

  override async close(): Promise<void> {
    if (this.#closed) throw new Error('closed already')
    this.#closed = true
    return super.close()
  }
}

export class ReadsAfterClose extends Delegate {
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

  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    await super.write(slots, vectors)
    await this.read(Uint32Array.of(0)).catch(() => {})
  }
}

export class ForgetsStats extends Delegate {
  override stats(): StorageStats {
    return { ...super.stats(), vectors: 0 }
  }
}

export class StatsGoBack extends Delegate {
  #left = 1_000_000

  override stats(): StorageStats {
    return { ...super.stats(), reads: this.#left-- }
  }
}

export class CountsSlotsTooSoon extends Delegate {
  #extra = 0

  override get slots(): number {
    return super.slots + this.#extra
  }

  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    this.#extra = 1
    await new Promise((resolve) => setImmediate(resolve))
    try {
      await super.write(slots, vectors)
    } finally {
      this.#extra = 0
    }
  }
}

export class RunsWritesBackwards extends Delegate {
  #first = true

  override async write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    const wait = this.#first
    this.#first = false
    if (wait) await new Promise((resolve) => setImmediate(resolve))
    return super.write(slots, vectors)
  }
}

export class OffersReader extends Delegate {
  reader(): never {
    throw new Error('there is none')
  }
}
