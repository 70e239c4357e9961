// What a collection takes after most of its points are gone, before and after `optimize`, and what searches
// notice meanwhile.
//
//   node benchmarks/compaction.mjs --data SET --out DIR [--share 0.8] [--callers 4]
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { bytesOnDisk } from './bytes-on-disk.mjs'
import { startCallers } from './callers.mjs'
import { freshCollection } from './fresh-collection.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    share: { type: 'string', default: '0.8' },
    callers: { type: 'string', default: '4' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')

const set = await openDataSet(values.data)
const queries = await set.queries()
const { database, collection, rows } = await freshCollection(set, values.out, values)
const ids = rows.map(({ id }) => id)
rows.length = 0

const mib = (bytes) => Math.round(bytes / 2 ** 20)

async function report(name) {
  await collection.flush()
  const { memory, slots } = collection.stats()
  const files = mib(await bytesOnDisk(join(values.out, 'collections')))
  const cells = [name, collection.size, slots, files, ...[memory.codes, memory.graph].map(mib)]
  console.log(`| ${cells.join(' | ')} |`)
}

console.log('| | points | slots | vectors and index on disk, MiB | codes, MiB | graph, MiB |')
console.log('|---|--:|--:|--:|--:|--:|')
await report('full')
const gone = ids.filter((_, index) => (index * 7) % 10 < 10 * Number(values.share))
await collection.delete(gone)
await collection.waitForIndex()
await report('after deleting')

const callers = startCallers(Number(values.callers), (index) =>
  collection.search(queries[index % queries.length], { limit: 10 }),
)
const { seconds, mean, waitP99 } = await callers.during(() => collection.optimize())
await callers.stop()
await report('after optimize')
console.log(
  `optimize took ${seconds.toFixed(1)} s beside ${Math.round(mean)} searches a second, p99 ${waitP99.toFixed(1)} ms`,
)
await database.close()
