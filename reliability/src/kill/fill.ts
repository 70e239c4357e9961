// What a database of large points begins with: lives between kills are too short to fill it.
import { large, pointOf } from '../points.js'
import { type BackendName, openSite, storageOf } from '../site.js'
import type { Oracle } from './oracle.js'

/** Every second database of a loop, counted from 1, holds large points. */
export function isLarge(database: number): boolean {
  return database % 2 === 0
}

/** Makes a database of all large points, and tells the oracle. */
export async function fill(path: string, backend: BackendName, oracle: Oracle): Promise<void> {
  const version = 1
  const storage = storageOf(backend, undefined, large)
  const { db, collection } = await openSite({ path, storage, shape: large })
  const numbers = Array.from({ length: large.numbersMax }, (_, number) => number)
  await collection.upsert(numbers.map((number) => pointOf(number, version, large.dimension)))
  await collection.waitForIndex()
  await db.close()
  oracle.begin(0, { kind: 'upsert', numbers, version })
  oracle.end(0)
  oracle.died()
}
