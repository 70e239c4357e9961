// What searches keep while points are overwritten, whatever the machine does meanwhile: writing and pauses take turns, and each
// turn of writing is compared with the pauses around it.
//
//   node benchmarks/beside-writes.mjs --data SET --out DIR [--turns 8] [--group 500] [--callers 8] [--ef 64] [--write-share 0.05]
//
// Callers search as fast as they can. In a turn of writing groups of points, chosen all over the set, are deleted and put back one after
// the other. "slowest" are windows of 250 ms. All figures are medians over the turns.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { startCallers } from './callers.mjs'
import { freshCollection } from './fresh-collection.mjs'
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
const [pauseMs, writeMs, limit] = [1500, 3500, 10]

const set = await openDataSet(values.data)
const queries = await set.queries()
const { database, collection, rows } = await freshCollection(set, values.out, {
  storage: values.storage,
  writeShare: values['write-share'],
})
const callers = startCallers(number('callers'), (index) =>
  collection.search(queries[index % queries.length], {
    limit,
    ef: number('ef'),
    withPayload: false,
  }),
)

// A step that shares no factor with the number of rows leads to every one.
const step = 7919
let at = 0
let written
async function writeFor(ms) {
  written = 0
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
  const before = await callers.during(() => sleep(pauseMs))
  const writing = await callers.during(() => writeFor(writeMs))
  const after = await callers.during(() => sleep(pauseMs))
  const rest = (before.mean + after.mean) / 2
  const restSlowest = Math.min(before.slowest, after.slowest)
  turns.push({
    rest,
    points: written / writing.seconds,
    mean: writing.mean / rest,
    slowest: writing.slowest / rest,
    restSlowest: restSlowest / rest,
    slowestOfSlowest: writing.slowest / restSlowest,
  })
}
await callers.stop()
await database.close()
const column = (name, digits) => median(turns.map((turn) => turn[name])).toFixed(digits)
console.log(
  '| QPS in pauses | slowest window of pauses, part of that | writing: mean | slowest window | of the slowest of pauses | points deleted and put back a second |',
)
console.log('|--:|--:|--:|--:|--:|--:|')
console.log(
  `| ${column('rest', 0)} | ${column('restSlowest', 2)} | ${column('mean', 2)} | ${column('slowest', 2)} | ${column('slowestOfSlowest', 2)} | ${column('points', 0)} |`,
)
