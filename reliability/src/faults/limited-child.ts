// A process whose files may not grow past a limit: it writes until LMDB cannot, and says what it saw.
import { open } from '@annulus/core'
import { memoryStorage } from '@annulus/storage'
import { vectorOf } from '../points.js'
import { codeOf } from '../site.js'

const [path = '', durability = 'sync'] = process.argv.slice(2)
const batch = 50
const batchesMax = 2_000

export interface Seen {
  /** Codes of the write that failed first, of one after it, and of closing. */
  readonly failed: string | undefined
  readonly again: string | undefined
  readonly closing: string | undefined
  /** The nearest point, searched for after the failure. */
  readonly found: unknown
}

/** The code of its failure, if it fails. */
async function failureOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    return codeOf(error) ?? String(error)
  }
}

// Without a listener the signal that comes with the limit ends the process.
process.on('SIGXFSZ', () => {})
if (durability !== 'sync' && durability !== 'batched' && durability !== 'none') {
  throw new Error(`there is no durability ${durability}`)
}
const db = await open(path, { storage: memoryStorage(), durability })
const collection = await db.collection('points', { dimension: 8, metric: 'euclidean' })
const payload = { text: 'x'.repeat(200) }
const points = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: first + i,
    vector: vectorOf(first + i, 0),
    payload,
  }))
let failed: string | undefined
for (let i = 0; i < batchesMax && failed === undefined; i++) {
  failed = await failureOf(collection.upsert(points(i * batch, batch)))
}
const again = await failureOf(collection.upsert(points(0, 1)))
const found = (await collection.search(vectorOf(7, 0), { limit: 1 }))[0]?.id
const closing = await failureOf(db.close())
const seen: Seen = { failed, again, closing, found }
process.stdout.write(JSON.stringify(seen))
