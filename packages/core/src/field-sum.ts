// What the payload index of a collection must hold as a whole: kept with every commit, held against the index when the
// collection is opened. LMDB can lose a block to one wrong bit and then says that no point has the value.
import { AnnulusError, crc32c } from '@annulus/native'
import { turn } from './points.js'
import type { StoreView } from './store.js'
import type { Table } from './table.js'

/** Number of blocks, and the sum of their hashes modulo 2³². */
export interface FieldSum {
  readonly blocks: number
  readonly sum: number
}

export const emptySum: FieldSum = { blocks: 0, sum: 0 }

/** The sum once the block of a key changes from one value to another, undefined where it has none. */
export function summed(
  { blocks, sum }: FieldSum,
  key: Buffer,
  before: Buffer | undefined,
  after: Buffer | undefined,
): FieldSum {
  return {
    blocks: blocks - (before === undefined ? 0 : 1) + (after === undefined ? 0 : 1),
    sum: (sum - hashOf(key, before) + hashOf(key, after)) >>> 0,
  }
}

function hashOf(key: Buffer, value: Buffer | undefined): number {
  return value === undefined ? 0 : crc32c(value, crc32c(key))
}

/** Blocks whose pages are asked for together; between two lots others get their turn. */
const blocksAtOnce = 250

/** The sum of what is there, each block looked up by its key as filters do. */
export async function sumFields(
  table: Table<Buffer>,
  collection: number,
  stopped: () => boolean = () => false,
): Promise<FieldSum> {
  const end = Buffer.alloc(4)
  end.writeUInt32BE(collection + 1)
  let start: Buffer = Buffer.alloc(4)
  start.writeUInt32BE(collection)
  let total = emptySum
  for (;;) {
    const range = { start, end, limit: blocksAtOnce }
    const keys = Array.from(table.getKeys(range), (key) => Buffer.from(key))
    const last = keys.at(-1)
    if (last === undefined || stopped()) return total
    await table.prefetch(keys)
    for (const key of keys) total = summed(total, key, undefined, table.getBinary(key))
    start = Buffer.concat([last, Buffer.of(0)])
    await turn()
  }
}

/** The comparison made once when a collection is opened; what asks the index waits for it. */
export class FieldCheck {
  readonly #done: Promise<void>
  #stopped = false

  /** @param view gives the commit that `expected` belongs to; without an expectation nothing is compared */
  constructor(view: () => StoreView, collection: number, expected: FieldSum | undefined) {
    this.#done = this.#run(view, collection, expected)
    this.#done.catch(() => {})
  }

  /** @throws AnnulusError `ANNULUS_CORRUPT` when the index is not what was written. */
  passed(): Promise<void> {
    return this.#done
  }

  /** Ends the comparison early. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#done.catch(() => {})
  }

  async #run(take: () => StoreView, collection: number, expected: FieldSum | undefined) {
    if (expected === undefined) return
    const view = take()
    try {
      const found = await sumFields(view.tables.fields, collection, () => this.#stopped)
      if (this.#stopped || isSame(found, expected)) return
    } finally {
      view.release()
    }
    throw new AnnulusError(
      'ANNULUS_CORRUPT',
      `the payload index of collection ${collection} is not what was written`,
      { details: { collection } },
    )
  }
}

export function isSame(a: FieldSum, b: FieldSum): boolean {
  return a.blocks === b.blocks && a.sum === b.sum
}
