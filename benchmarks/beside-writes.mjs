// What searches keep while points are overwritten, whatever the machine does meanwhile: writing and pauses take turns, and each
// turn of writing is compared with the pauses around it.
//
//   node benchmarks/beside-writes.mjs --data SET --out DIR [--turns 8] [--group 500] [--callers 8] [--ef 64] [--write-share 0.05]
//
// Callers search as fast as they can. In a turn of writing groups of points, chosen all over the set, are deleted and put back one after
// the other. "slowest" are windows of 250 ms. All figures are medians over the turns.
import { rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { open, openDataSet, storageByName } from 'annulus'
import { median } from './median.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    turns: { type: 'string', default: '8' },
    group: { type: 'string', default: '500' },
    callers: { type: 'string', default: '8' },
    ef: { type: 'string', default: '64' },
    'write-share': { type: 'string' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const number = (name) => Number(values[name])
const [pauseMs, writeMs, windowMs, limit] = [1500, 3500, 250, 10]

const set = await openDataSet(values.data)
const queries = await set.queries()
const rows = []
for await (const row of set.rows()) rows.push(row)

await rm(values.out, { recursive: true, force: true })
const writeShare = values['write-share'] === undefined ? {} : { writeShare: number('write-share') }
const database = await open(values.out, { storage: storageByName(values.storage), ...writeShare })
const collection = await database.collection('written', {
  dimension: set.dimension,
  metric: set.metric,
})
await collection.upsert(rows)
await collection.waitForIndex()

let [next, searches, written, searching] = [0, 0, 0, true]
const callers = Array.from({ length: number('callers') }, async () => {
  while (searching) {
    const query = queries[next++ % queries.length]
    await collection.search(query, { limit, ef: number('ef'), withPayload: false })
    searches++
  }
})

/** Searches a second while `work` goes on, in all and in the slowest window, and points written a second. */
async function measure(work) {
  const [searchesBefore, writtenBefore, start] = [searches, written, performance.now()]
  const windows = []
  let over = false
  const watch = (async () => {
    while (!over) {
      const [before, since] = [searches, performance.now()]
      await sleep(windowMs)
      windows.push(((searches - before) * 1000) / (performance.now() - since))
    }
  })()
  await work()
  over = true
  const seconds = (performance.now() - start) / 1000
  const result = {
    mean: (searches - searchesBefore) / seconds,
    points: (written - writtenBefore) / seconds,
  }
  await watch
  return { ...result, slowest: Math.min(...windows) }
}

// A step that shares no factor with the number of rows leads to every one.
const step = 7919
let at = 0
async function writeFor(ms) {
  const end = performance.now() + ms
  while (performance.now() < end) {
    const group = Array.from({ length: number('group') }, () => rows[(at++ * step) % rows.length])
    await collection.delete(group.map(({ id }) => id))
    await collection.upsert(group)
    written += group.length
  }
}

await sleep(3000)
const turns = []
for (let turn = 0; turn < number('turns'); turn++) {
  const before = await measure(() => sleep(pauseMs))
  const writing = await measure(() => writeFor(writeMs))
  const after = await measure(() => sleep(pauseMs))
  const rest = (before.mean + after.mean) / 2
  const restSlowest = Math.min(before.slowest, after.slowest)
  turns.push({
    rest,
    points: writing.points,
    mean: writing.mean / rest,
    slowest: writing.slowest / rest,
    restSlowest: restSlowest / rest,
    slowestOfSlowest: writing.slowest / restSlowest,
  })
}
searching = false
await Promise.all(callers)
await database.close()
const column = (name, digits) => median(turns.map((turn) => turn[name])).toFixed(digits)
console.log(
  '| QPS in pauses | slowest window of pauses, part of that | writing: mean | slowest window | of the slowest of pauses | points deleted and put back a second |',
)
console.log('|--:|--:|--:|--:|--:|--:|')
console.log(
  `| ${column('rest', 0)} | ${column('restSlowest', 2)} | ${column('mean', 2)} | ${column('slowest', 2)} | ${column('slowestOfSlowest', 2)} | ${column('points', 0)} |`,
)
