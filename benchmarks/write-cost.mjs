// Where does the CPU time of a written point go?
//
//   node benchmarks/write-cost.mjs --data SET --out DIR [--rounds 2] [--share 0.2] [--group 500]
//
// Builds a collection from SET; then each round deletes a share of the points and puts them back, group by
// group, while nobody searches. A row tells the microseconds of CPU a point by thread: the event loop,
// the pool (codes, links, repair), and the rest (libuv and LMDB: files, commits; V8: garbage). Linux only.
// `perf record -g` or `node --cpu-prof` around it tell more.
import { readdir, readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { freshCollection } from './fresh-collection.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    out: { type: 'string' },
    storage: { type: 'string', default: 'mmap' },
    rounds: { type: 'string', default: '2' },
    share: { type: 'string', default: '0.2' },
    group: { type: 'string', default: '500' },
  },
})
if (values.data === undefined || values.out === undefined) throw new Error('needs --data and --out')
const group = Number(values.group)

/** Nanoseconds of CPU that threads have taken, by what they are. */
async function cpu() {
  const spent = { loop: 0, pool: 0, rest: 0 }
  for (const thread of await readdir('/proc/self/task')) {
    const [name, times] = await Promise.all([
      readFile(`/proc/self/task/${thread}/comm`, 'latin1'),
      readFile(`/proc/self/task/${thread}/schedstat`, 'latin1'),
    ])
    const kind =
      Number(thread) === process.pid ? 'loop' : name.startsWith('annulus') ? 'pool' : 'rest'
    spent[kind] += Number(times.split(' ')[0])
  }
  return spent
}

const set = await openDataSet(values.data)
const { database, collection, rows } = await freshCollection(set, values.out, values)

async function report(name, points, work) {
  const [before, start] = [await cpu(), performance.now()]
  await work()
  const after = await cpu()
  const each = (kind) => Math.round((after[kind] - before[kind]) / 1000 / points)
  const rate = Math.round((points * 1000) / (performance.now() - start))
  console.log(
    `| ${name} | ${['loop', 'pool', 'rest'].map(each).join(' | ')} | ${each('loop') + each('pool') + each('rest')} | ${rate} |`,
  )
}

console.log('| | event loop, µs | pool, µs | rest, µs | together | points/s |')
console.log('|---|--:|--:|--:|--:|--:|')
const groups = (chosen) =>
  Array.from({ length: Math.ceil(chosen.length / group) }, (_, at) =>
    chosen.slice(at * group, (at + 1) * group),
  )
for (let round = 0; round < Number(values.rounds); round++) {
  const chosen = rows.filter((_, index) => (index * 7 + round * 3) % 10 < 10 * Number(values.share))
  await report(`${round + 1}, deleting`, chosen.length, async () => {
    for (const some of groups(chosen)) await collection.delete(some.map(({ id }) => id))
    await collection.waitForIndex()
  })
  await report(`${round + 1}, inserting`, chosen.length, async () => {
    for (const some of groups(chosen)) await collection.upsert(some)
    await collection.waitForIndex()
  })
}
await database.close()
