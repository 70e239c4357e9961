// What waiting for each read costs: a slow disk without a cap, searched over io_uring, over our mmap (which asks
// for a batch's pages first) and over plain page faults: a query's dealt out to eight threads, and all of
// them on the one thread that serves the query, as the article's mmap does.
//
//   benchmarks/slow-disk/slow_disk BACKING MOUNT latency=2000 jitter=200
//   node benchmarks/limited.mjs --memory 1500M -- node benchmarks/slow-disk/backends.mjs \
//     --database MOUNT/1m --data SET [--queries 100] [--oversampling 4] [--rounds 3]
import { parseArgs } from 'node:util'
import { mmapStorage, open, openDataSet, uringStorage } from 'annulus'
import { forget } from '../forget.mjs'
import { median } from '../median.mjs'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    data: { type: 'string' },
    queries: { type: 'string', default: '100' },
    oversampling: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
  },
})
if (values.database === undefined || values.data === undefined) {
  throw new Error('name a database with --database and the set it was made of with --data')
}
const [wanted, oversampling, rounds] = [values.queries, values.oversampling, values.rounds].map(
  Number,
)
const set = await openDataSet(values.data)
const queries = (await set.queries()).slice(0, wanted)

const backends = {
  io_uring: { storage: uringStorage({ direct: true }) },
  mmap: { storage: mmapStorage({ threads: 8 }) },
  'plain mmap': { storage: mmapStorage({ threads: 8, prefetch: false }) },
  // A caller waits for its faults one after the other: few queries, and more callers would queue.
  'plain mmap, 1 thread': {
    storage: mmapStorage({ threads: 1, prefetch: false }),
    callers: [1],
    queries: queries.slice(0, 10),
  },
}
const table = {}
for (const [name, backend] of Object.entries(backends)) {
  const { storage, callers: tried = [1, 8], queries: asked = queries } = backend
  const figures = { latency: [], qps: [], reads: [] }
  for (let round = 0; round < rounds; round++) {
    for (const callers of tried) {
      forget(values.database, '.seg')
      const database = await open(values.database, { storage, readOnly: true })
      const collection = await database.collection(values.collection)
      await collection.waitForIndex()
      const options = { limit: 10, ef: 64, oversampling, rescore: true, withPayload: false }
      const latencies = []
      let next = 0
      const start = performance.now()
      const caller = async () => {
        while (next < asked.length) {
          const begun = performance.now()
          const { diagnostics } = await collection.searchWithDiagnostics(asked[next++], options)
          latencies.push(performance.now() - begun)
          figures.reads.push(diagnostics.reads)
        }
      }
      await Promise.all(Array.from({ length: callers }, caller))
      const seconds = (performance.now() - start) / 1000
      if (callers === 1) figures.latency.push(median(latencies))
      else figures.qps.push(asked.length / seconds)
      await database.close()
    }
  }
  table[name] = {
    'reads a query': median(figures.reads),
    'median ms, 1 caller': Number(median(figures.latency).toFixed(2)),
    ...(figures.qps.length > 0 && { 'QPS, 8 callers': Number(median(figures.qps).toFixed(1)) }),
  }
}
console.table(table)
