import { availableParallelism } from 'node:os'
import { native, type PoolHandle } from './native.js'

/**
 * Worker threads for searching and building, apart from libuv's. One pool serves all collections of a
 * database; searches are taken before background work.
 */
export class Pool {
  readonly #native

  /**
   * @param threads number of workers, 1 to 256; default: the cores this process may use.
   * @throws AnnulusError `ANNULUS_INVALID_ARGUMENT`, `ANNULUS_LIMIT` when the system has no thread left.
   */
  constructor(threads: number = Math.min(availableParallelism(), 256)) {
    this.#native = new native.Pool(threads)
  }

  /** The handle that addons take. */
  get handle(): PoolHandle {
    return this.#native.handle
  }

  get threads(): number {
    return this.#native.threads
  }

  /** Ends the threads once queued work is done; does not wait for that. Idempotent. */
  close(): void {
    this.#native.close()
  }
}

let shared: Pool | undefined

/** The pool of operations that were given none; made when first needed, one per JavaScript thread. */
export function sharedPool(): Pool {
  shared ??= new Pool()
  return shared
}
