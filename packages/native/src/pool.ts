import { availableParallelism } from 'node:os'
import { native, type PoolHandle } from './native.js'

/**
 * Worker threads for searching and building, apart from libuv's. One pool serves all collections of a
 * database; searches are taken before background work.
 */
export class Pool {
  readonly #native

  /** @param threads number of workers, 1 to 256; default: the cores this process may use. */
  constructor(threads: number = availableParallelism()) {
    this.#native = new native.Pool(threads)
  }

  /** The handle that addons take. */
  get handle(): PoolHandle {
    return this.#native.handle
  }

  get threads(): number {
    return this.#native.threads
  }

  /** Waits for queued work, then ends the threads. */
  close(): void {
    this.#native.close()
  }
}
