// The commits of a database to LMDB, one after the other.
import type { Key, RootDatabase } from 'lmdb'
import type { Latch } from './latch.js'
import { lmdbError } from './lmdb-file.js'

/** Runs work while no write takes effect. */
export type BetweenCommits = <T>(work: () => Promise<T>) => Promise<T>

/**
 * One commit at a time; what comes while one is under way shares the next. None is begun after one failed:
 * it would rest on what is not there, and lmdb, whose lock it would never give back, could not be
 * closed any more.
 */
export class Commits {
  readonly #root: RootDatabase<Buffer, Key>
  readonly #latch: Latch
  readonly #writes: (() => void)[] = []
  #next: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(root: RootDatabase<Buffer, Key>, latch: Latch) {
    this.#root = root
    this.#latch = latch
  }

  /** The last commit begun has succeeded or failed. */
  get settled(): Promise<void> {
    return this.#running
  }

  /** Resolves once the puts and removes of `write` survive power loss; it is called a little later. */
  apply(write: () => void): Promise<void> {
    this.#writes.push(write)
    this.#next ??= this.#running.then(() => this.#begin())
    return this.#next
  }

  #begin(): Promise<void> {
    const writes = this.#writes.splice(0)
    this.#next = undefined
    this.#latch.check()
    const all = () => {
      for (const write of writes) write()
    }
    const committed = this.#latch.guard(batch(this.#root, all))
    this.#running = committed.catch(() => {})
    return committed
  }
}

async function batch(root: RootDatabase<Buffer, Key>, write: () => void): Promise<void> {
  try {
    await root.batch(write)
  } catch (cause) {
    throw lmdbError(await commitError(cause), 'commit')
  }
}

/** lmdb rejects the writes of a failed commit with a pointer to a second promise that has the reason. */
async function commitError(cause: unknown): Promise<unknown> {
  if (!(cause instanceof Error) || !('commitError' in cause)) return cause
  try {
    await cause.commitError
    return cause
  } catch (reason) {
    return reason
  }
}
