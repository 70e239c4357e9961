// Searches while a given part of the vectors is in the page cache: mmap, io_uring past the cache, io_uring
// as it is by default.
//
//   node benchmarks/cached-fraction.mjs --database DIR [--collection vectors] [--fractions 0,25,50,75,100]
//     [--variants mmap,direct,auto,buffered] [--queries 2000] [--callers 8] [--rounds 3]
//
// Before each run the segments leave the page cache and chunks of them, chosen by a hash, are read again;
// no root needed. Variants take turns; printed are medians. A variant that reads through the cache fills
// it while it runs, so keep the queries few beside the vectors.
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dropPageCache } from '@annulus/native'
import { mmapStorage, open, uringStorage } from 'annulus'
import { median } from './median.mjs'

const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    fractions: { type: 'string', default: '0,25,50,75,100' },
    variants: { type: 'string', default: 'mmap,direct,auto' },
    queries: { type: 'string', default: '2000' },
    callers: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
  },
})
if (values.database === undefined) throw new Error('name a database with --database')
const [queryCount, callers, rounds] = [values.queries, values.callers, values.rounds].map(Number)

const storages = {
  mmap: () => mmapStorage(),
  direct: () => uringStorage({ direct: true }),
  buffered: () => uringStorage({ direct: false }),
  auto: () => uringStorage(),
}

const chunkBytes = 4 * 2 ** 20
const segments = readdirSync(values.database, { recursive: true })
  .filter((name) => name.endsWith('.seg'))
  .map((name) => join(values.database, name))

/** Leaves `percent` of the chunks of all segments in the page cache. */
function cache(percent) {
  const buffer = Buffer.alloc(chunkBytes)
  for (const [number, path] of segments.entries()) {
    dropPageCache(path) // whole, for the cache may hold it in pieces larger than a chunk
    const file = openSync(path)
    for (let chunk = 0; chunk * chunkBytes < statSync(path).size; chunk++) {
      // Knuth's multiplicative hash: evenly spread, the same in every run.
      const place = (Math.imul(number * 4099 + chunk, 2654435761) >>> 0) / 2 ** 32
      if (place * 100 < percent) readSync(file, buffer, 0, chunkBytes, chunk * chunkBytes)
    }
    closeSync(file)
  }
}

async function use(variant, run) {
  const database = await open(values.database, { storage: storages[variant]() })
  try {
    const collection = await database.collection(values.collection)
    await collection.waitForIndex()
    return await run(collection)
  } finally {
    await database.close()
  }
}

/** Stored vectors, moved a little. */
async function makeQueries() {
  return use('mmap', async (collection) => {
    const queries = []
    for await (const { vector } of collection.points({ withVector: true })) {
      const seed = queries.length
      queries.push(vector.map((value, i) => value + 0.02 * Math.sin(i * 7 + seed)))
      if (queries.length === queryCount) break
    }
    return queries
  })
}

async function measure(variant, percent, queries) {
  cache(percent)
  return use(variant, async (collection) => {
    // The graph and the codes are to be warm, the vectors are not to be touched.
    for (const query of queries.slice(0, 500)) await collection.search(query, { rescore: false })
    const before = collection.stats().storage
    let next = 0
    const cpu = process.cpuUsage()
    const begun = performance.now()
    const caller = async () => {
      while (next < queries.length) {
        await collection.search(queries[next++], { limit: 10, withPayload: false })
      }
    }
    await Promise.all(Array.from({ length: callers }, caller))
    const seconds = (performance.now() - begun) / 1000
    const { user, system } = process.cpuUsage(cpu)
    const after = collection.stats().storage
    return {
      qps: queries.length / seconds,
      cpu: (user + system) / queries.length,
      hits: (after.residentHits - before.residentHits) / (after.reads - before.reads),
    }
  })
}

const queries = await makeQueries()
const variants = values.variants.split(',')
console.log('| cached % | variant | QPS | CPU µs a query | hits % |\n|---:|---|---:|---:|---:|')
for (const percent of values.fractions.split(',').map(Number)) {
  const runs = new Map(variants.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round++) {
    for (const variant of variants) {
      runs.get(variant).push(await measure(variant, percent, queries))
    }
  }
  for (const [variant, all] of runs) {
    const of = (field) => median(all.map((run) => run[field]))
    console.log(
      `| ${percent} | ${variant} | ${of('qps').toFixed(0)} | ${of('cpu').toFixed(0)} | ${(100 * of('hits')).toFixed(0)} |`,
    )
  }
}
