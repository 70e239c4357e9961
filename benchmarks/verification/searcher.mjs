// Searches for as long as it is told, and says how fast: the child of verification.mjs.
import { open, readVectors, storageByName } from 'annulus'

const settings = JSON.parse(process.argv[2])
const limit = 10

/** From the file, or stored vectors moved a little. */
async function makeQueries(collection) {
  const queries = []
  const rows =
    settings['query-file'] === undefined
      ? collection.points({ withVector: true })
      : readVectors(settings['query-file'])
  for await (const { vector } of rows) {
    const seed = queries.length
    queries.push(
      settings['query-file'] === undefined
        ? vector.map((value, i) => value + 0.02 * Math.sin(i * 7 + seed))
        : vector,
    )
    if (queries.length === 2_000) break
  }
  return queries
}

// Two processes search at the same database, in which nothing is written.
const database = await open(settings.database, {
  readOnly: true,
  storage: storageByName(settings.backend),
})
const collection = await database.collection(settings.collection)
await collection.waitForIndex()
const queries = await makeQueries(collection)
if (!process.report.getReport().sharedObjects.some((path) => path.startsWith(settings.expected))) {
  throw new Error(`the addon in ${settings.expected} was not loaded`)
}

const options = {
  limit,
  ef: Number(settings.ef),
  oversampling: Number(settings.oversampling),
  rescore: settings.bounded ? 'bounded' : true,
  withPayload: false,
}

let next = 0
async function measure({ callers, seconds: wanted }) {
  const reads = collection.stats().storage.reads
  const before = process.cpuUsage()
  const begun = performance.now()
  const until = begun + 1000 * wanted
  let searches = 0
  const caller = async () => {
    while (performance.now() < until) {
      await collection.search(queries[next++ % queries.length], options)
      searches++
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(before)
  return {
    qps: searches / seconds,
    cpu: (user + system) / searches,
    reads: (collection.stats().storage.reads - reads) / searches,
  }
}

process.on('message', (message) => void measure(message).then((answer) => process.send(answer)))
process.on('disconnect', () => void database.close())
process.send('ready')
