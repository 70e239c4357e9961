// What a collection takes after most of its points are gone, before and after `optimize`, and what searches
// notice meanwhile.
//
//   node benchmarks/compaction.mjs --data SET --out DIR [--share 0.8] [--callers 4]
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open, openDataSet, storageByName } from 'annulus'

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
await rm(values.out, { recursive: true, force: true })
const database = await open(values.out, { storage: storageByName(values.storage) })
const { dimension, metric } = set
const collection = await database.collection('c', { dimension, metric })
const rows = []
for await (const row of set.rows()) rows.push(row)
await collection.upsert(rows)
const ids = rows.map(({ id }) => id)
rows.length = 0
await collection.waitForIndex()

async function bytesOf(path) {
  const found = await stat(path)
  if (!found.isDirectory()) return found.blocks * 512
  const sizes = await Promise.all((await readdir(path)).map((name) => bytesOf(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}

const mib = (bytes) => Math.round(bytes / 2 ** 20)

async function report(name) {
  await collection.flush()
  const { memory, slots } = collection.stats()
  const files = mib(await bytesOf(join(values.out, 'collections')))
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

let searching = true
const waits = []
const callers = Array.from({ length: Number(values.callers) }, async (_, caller) => {
  for (let next = caller; searching; next++) {
    const start = performance.now()
    await collection.search(queries[next % queries.length], { limit: 10 })
    waits.push(performance.now() - start)
  }
})
const start = performance.now()
await collection.optimize()
const seconds = (performance.now() - start) / 1000
searching = false
await Promise.all(callers)
await report('after optimize')
const sorted = Float64Array.from(waits).sort()
console.log(
  `optimize took ${seconds.toFixed(1)} s beside ${Math.round(sorted.length / seconds)} searches a second, p99 ${sorted[Math.floor(0.99 * (sorted.length - 1))]?.toFixed(1)} ms`,
)
await database.close()
