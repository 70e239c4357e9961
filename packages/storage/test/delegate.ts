// A storage that passes everything on to another: mutants override what they break.
import type { Metric } from '@annulus/native'
import type { OpenOptions, ReadOptions, StorageFactory, VectorStorage } from '../src/types.js'

export class Delegate implements VectorStorage {
  protected readonly inner: VectorStorage

  constructor(inner: VectorStorage) {
    this.inner = inner
  }

  get dimension(): number {
    return this.inner.dimension
  }

  get slots(): number {
    return this.inner.slots
  }

  write(slots: number | Uint32Array, vectors: Float32Array): Promise<void> {
    return this.inner.write(slots, vectors)
  }

  read(slots: Uint32Array, options?: ReadOptions): Promise<Float32Array> {
    return this.inner.read(slots, options)
  }

  score(query: Float32Array, slots: Uint32Array, metric: Metric, options?: ReadOptions) {
    return this.inner.score(query, slots, metric, options)
  }

  flush(): Promise<void> {
    return this.inner.flush()
  }

  stats() {
    return this.inner.stats()
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}

/** A factory whose storages are wrapped, and whose options may be changed on the way in. */
export function delegating(
  factory: StorageFactory,
  wrap: (inner: VectorStorage) => VectorStorage,
  change: (options: OpenOptions) => OpenOptions = (options) => options,
): StorageFactory {
  return {
    name: factory.name,
    open: async (options) => wrap(await factory.open(change(options))),
  }
}
