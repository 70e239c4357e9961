// One table of LMDB, with the writes that are acknowledged and not yet in LMDB laid over it.
import type { Database, Key, RangeOptions } from 'lmdb'
import { lmdbError } from './lmdb-file.js'

/** A transaction that reads keep to. */
export type ReadTransaction = ReturnType<Database['useReadTransaction']>

interface Write<K> {
  readonly key: K
  /** Undefined where the key is removed. */
  readonly value: Buffer | undefined
}

type Overlay<K> = Map<string | number, Write<K>>

/** Bytes that a waiting write takes besides key and value, about. */
const entryBytes = 200

export class Table<K extends Key> {
  readonly #database: Database<Buffer, K>
  readonly #transaction: ReadTransaction | undefined
  #waiting: Overlay<K> = new Map()
  #flushing: Overlay<K> = new Map()
  /** Whether writes go into the overlay; set by the store around a commit. */
  buffering = false
  /** Bytes that wait in the overlay, by estimate. */
  waitingBytes = 0

  /** @param transaction what all reads keep to; without it they see the last commit */
  constructor(database: Database<Buffer, K>, transaction?: ReadTransaction) {
    this.#database = database
    this.#transaction = transaction
  }

  getBinary(key: K): Buffer | undefined {
    const write = this.#overlaid(key)
    if (write !== undefined) return write.value
    return read(() => this.#database.get(key, this.#options()))
  }

  /** As `getBinary`; the value is valid until the next read. */
  getBinaryFast(key: K): Buffer | undefined {
    const write = this.#overlaid(key)
    if (write !== undefined) return write.value
    if (this.#transaction === undefined) return read(() => this.#database.getBinaryFast(key))
    return read(() => this.#database.get(key, this.#options()))
  }

  /** Only inside a commit, as `remove`. */
  put(key: K, value: Buffer): void {
    if (this.buffering) this.#wait(key, value)
    else void this.#database.put(key, value)
  }

  remove(key: K): void {
    if (this.buffering) this.#wait(key, undefined)
    else void this.#database.remove(key)
  }

  /** What is in LMDB: the overlay is passed over. */
  getKeys(range: RangeOptions): Iterable<K> {
    return each(() => this.#database.getKeys({ ...range, ...this.#options() }))
  }

  getRange(range: RangeOptions): Iterable<{ key: K; value: Buffer }> {
    return each(() => this.#database.getRange({ ...range, ...this.#options() }))
  }

  /** Brings the pages of these keys into memory on another thread. */
  prefetch(keys: K[]): Promise<void> {
    return this.#database.prefetch(keys)
  }

  /** The waiting writes become those being flushed. Returns whether there are any. */
  beginFlush(): boolean {
    if (this.#flushing.size === 0) {
      this.#flushing = this.#waiting
      this.#waiting = new Map()
      this.waitingBytes = 0
    }
    return this.#flushing.size > 0
  }

  /** Hands the writes being flushed to LMDB; only inside a commit. */
  writeFlushing(): void {
    for (const { key, value } of this.#flushing.values()) {
      if (value === undefined) void this.#database.remove(key)
      else void this.#database.put(key, value)
    }
  }

  /** LMDB has them now. */
  endFlush(): void {
    this.#flushing = new Map()
  }

  get hasWaiting(): boolean {
    return this.#waiting.size + this.#flushing.size > 0
  }

  #wait(key: K, value: Buffer | undefined): void {
    // Keys may be views of memory that is used again.
    const own = Buffer.isBuffer(key) ? Buffer.from(key) : key
    // What was copied is of the table's own key type.
    this.#waiting.set(nameOf(key), { key: own as K, value })
    this.waitingBytes += entryBytes + (value?.length ?? 0)
  }

  #overlaid(key: K): Write<K> | undefined {
    if (!this.hasWaiting) return undefined
    const name = nameOf(key)
    return this.#waiting.get(name) ?? this.#flushing.get(name)
  }

  #options(): { transaction?: ReadTransaction } {
    return this.#transaction === undefined ? {} : { transaction: this.#transaction }
  }
}

/** What LMDB finds wrong with its pages is told in our own errors. */
function read<T>(get: () => T): T {
  try {
    return get()
  } catch (cause) {
    throw lmdbError(cause, 'read')
  }
}

function* each<T>(range: () => Iterable<T>): Generator<T, void, void> {
  try {
    yield* range()
  } catch (cause) {
    throw lmdbError(cause, 'read')
  }
}

function nameOf(key: Key): string | number {
  if (typeof key === 'number') return key
  return Buffer.isBuffer(key) ? key.toString('latin1') : JSON.stringify(key)
}
