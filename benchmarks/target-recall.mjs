// Does `targetRecall` find what it promises, and what does that cost?
//
//   node benchmarks/target-recall.mjs --data SET --out DIR [--codes scalar] [--storage mmap] [--seconds 2]
//
// Builds a collection from SET (and keeps it in DIR for the next run), tells what it measured on its own vectors, and
// then searches with the queries of the set, which it does not hold: recall@10 against the ground truth and
// searches a second with one and with eight callers, and of batches of 64.
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { quantizerFrom } from '@annulus/quantization'
import { open, openDataSet, storageByName } from 'annulus'
import { rateOf } from './callers.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    codes: { type: 'string', default: 'scalar' },
    storage: { type: 'string', default: 'mmap' },
    seconds: { type: 'string', default: '2' },
    targets: { type: 'string', default: '0.9,0.95,0.98,0.99' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const limit = 10
const set = await openDataSet(values.data)
const queries = await set.queries()
const truth = await set.truth(limit)
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const isNew = !existsSync(values.out)
const [kind, settings = ''] = values.codes.split(':')
const quantization = quantizerFrom(kind, Object.fromEntries(new URLSearchParams(settings)))
const db = await open(values.out, { storage: storageByName(values.storage) })
const { dimension, metric } = set
const collection = await db.collection('c', isNew ? { dimension, metric, quantization } : {})
if (isNew) {
  const rows = []
  for await (const row of set.rows()) rows.push(row)
  await collection.upsert(rows)
}
await collection.waitForIndex()
const before = cpuSeconds()
await collection.search(new Float32Array(dimension).fill(1), { targetRecall: 0.9 })
await collection.waitForIndex()
console.log(
  `${set.name}, ${values.codes}: measured with ${(cpuSeconds() - before).toFixed(1)} s of CPU`,
)
const { calibration } = collection.stats()
console.log(`measured on ${calibration?.points} points with ${calibration?.queries} queries`)
for (const { limit, beams } of calibration?.tables ?? []) {
  const shown = beams.map(
    ({ recall, ef, oversampling, reached }) =>
      `${recall.toFixed(3)}${reached ? '' : ' at most'}: ${ef} × ${oversampling}`,
  )
  console.log(`  limit ${limit}: ${shown.join(', ')}`)
}

const searchOptions = (targetRecall) => ({ limit, targetRecall, withPayload: false })

const seconds = Number(values.seconds)
const rate = (callers, targetRecall) =>
  rateOf(callers, seconds, (index) =>
    collection.search(queries[index % queries.length], searchOptions(targetRecall)),
  )

async function batchRate(targetRecall) {
  const size = 64
  const batches = await rateOf(1, seconds, (index) => {
    const some = Array.from(
      { length: size },
      (_, i) => queries[(index * size + i) % queries.length],
    )
    return collection.searchBatch(some, searchOptions(targetRecall))
  })
  return size * batches
}

console.log('| target | recall@10 | reads | QPS, 1 caller | 8 callers | batches of 64 |')
console.log('|--:|--:|--:|--:|--:|--:|')
await rate(8, 0.9)
for (const target of values.targets.split(',').map(Number)) {
  let hits = 0
  const reads = collection.stats().searches.reads
  const found = await collection.searchBatch(queries, searchOptions(target))
  for (const [index, due] of truth.entries()) {
    const ids = new Set(due)
    for (const { id } of found[index]) if (ids.has(id)) hits++
  }
  const cells = [
    target,
    (hits / (limit * queries.length)).toFixed(4),
    ((collection.stats().searches.reads - reads) / queries.length).toFixed(1),
    Math.round(await rate(1, target)),
    Math.round(await rate(8, target)),
    Math.round(await batchRate(target)),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
await db.close()
