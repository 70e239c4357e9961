// Copies all records of LMDB in the order of their keys, a batch and a commit at a time.
import type { Key } from 'lmdb'
import type { Store, StoreTables } from './store.js'
import type { Table } from './table.js'

const batchRecords = 1_000
const batchBytes = 1 << 20

export async function copyTables(
  tables: StoreTables,
  copy: Store,
  passed: (bytes: number) => Promise<void>,
): Promise<void> {
  await copyTable(tables.meta, copy.tables.meta, copy, passed)
  await copyTable(tables.ids, copy.tables.ids, copy, passed)
  await copyTable(tables.points, copy.tables.points, copy, passed)
  await copyTable(tables.fields, copy.tables.fields, copy, passed)
  await copyTable(tables.changes, copy.tables.changes, copy, passed)
}

async function copyTable<K extends Key>(
  from: Table<K>,
  to: Table<K>,
  store: Store,
  passed: (bytes: number) => Promise<void>,
): Promise<void> {
  let last: K | undefined
  for (;;) {
    const batch = batchAfter(from, last)
    const end = batch.entries.at(-1)
    if (end === undefined) return
    await store.commit(() => {
      for (const { key, value } of batch.entries) to.put(key, value)
    })
    last = end.key
    await passed(batch.bytes)
  }
}

/** The next records, copied: what LMDB hands out lives only until the next read. */
function batchAfter<K extends Key>(table: Table<K>, last: K | undefined) {
  const range = last === undefined ? {} : { start: last, exclusiveStart: true }
  const entries: { key: K; value: Buffer }[] = []
  let bytes = 0
  for (const { key, value } of table.getRange({ ...range, limit: batchRecords })) {
    // A copy of a key is of the key's type.
    entries.push({
      key: (Buffer.isBuffer(key) ? Buffer.from(key) : key) as K,
      value: Buffer.from(value),
    })
    bytes += value.length + 16
    if (bytes >= batchBytes) break
  }
  return { entries, bytes }
}
