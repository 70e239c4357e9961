// A new database with one collection, which holds a set and has indexed it.
import { rm } from 'node:fs/promises'
import { open, storageByName } from 'annulus'

/**
 * Removes what lies at `path`; `writeShare` undefined is as `open` has it.
 *
 * @returns the database, its collection, and the rows of the set, which are kept in memory
 */
export async function freshCollection(set, path, { storage, writeShare }) {
  await rm(path, { recursive: true, force: true })
  const share = writeShare === undefined ? {} : { writeShare: Number(writeShare) }
  const database = await open(path, { storage: storageByName(storage), ...share })
  const { dimension, metric } = set
  const collection = await database.collection('vectors', { dimension, metric })
  const rows = []
  for await (const row of set.rows()) rows.push(row)
  await collection.upsert(rows)
  await collection.waitForIndex()
  return { database, collection, rows }
}
