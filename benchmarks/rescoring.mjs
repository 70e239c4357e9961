// Reads a query for recall@10 >= 0.99, of every kind of code and each rule of rescoring, as a table in markdown:
//   node benchmarks/rescoring.mjs --data SET [--kinds scalar,rotated4] [--queries N] [--loss 0.01]
// Nothing in it depends on time. *Fixed* is the fewest candidates, in steps of one, whose reading reaches the recall: a
// setting that nobody knows beforehand. Each rule has the lowest ceiling of 2, 4, 8, 16 or 32 times the limit that reaches it.
import { parseArgs } from 'node:util'
import { Pool } from '@annulus/native'
import { encode, kinds, nearestCodes } from './data/coded-set.mjs'
import { readUntilEnough } from './data/rescored.mjs'
import { loadSet } from './data/vector-set.mjs'

const LIMIT = 10
const RECALL = 0.99
const ceilings = [2, 4, 8, 16, 32].map((x) => x * LIMIT)
const CANDIDATES = ceilings.at(-1)

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    kinds: { type: 'string', default: Object.keys(kinds).join(',') },
    queries: { type: 'string', default: '500' },
    loss: { type: 'string', default: '0.01' },
  },
})
if (options.data === undefined) throw new Error('name a set with --data')

const usual = 0.001
const larger = Number(options.loss)
const rules = [
  { rescore: 'bounded', loss: usual },
  { rescore: 'uncertain', loss: usual },
  { rescore: 'uncertain', loss: larger },
].map((plan) => ({ ...plan, limit: LIMIT }))

/** Of each rule and ceiling sums over queries, and results at each rank of the estimates. */
async function judge(set, codes, pool) {
  const ranks = new Float64Array(CANDIDATES + 1)
  const cells = rules.map((plan) =>
    ceilings.map((ceiling) => ({ plan, ceiling, reads: 0, trips: 0, found: 0 })),
  )
  for (let q = 0; q < set.count; q++) {
    const nearest = await nearestCodes(set, codes, pool, q, CANDIDATES, LIMIT)
    let hits = 0
    for (const [i, good] of nearest.good.entries()) {
      if (good && hits < LIMIT) hits++
      ranks[i + 1] += hits
    }
    for (const cell of cells.flat()) {
      const { reads, trips, found } = readUntilEnough(nearest, set.metric, cell.ceiling, cell.plan)
      cell.reads += reads / set.count
      cell.trips += Math.max(0, trips - 1) / set.count
      cell.found += found / set.count / LIMIT
    }
  }
  const recall = (read) => ranks[read] / set.count / LIMIT
  return { recall, cells, fixed: ranks.findIndex((_, read) => recall(read) >= RECALL) }
}

async function row(set, kind, pool) {
  const { codes } = await encode(set, kind, pool)
  const { recall, cells, fixed } = await judge(set, codes, pool)
  codes.close()
  const columns = cells.flatMap((row) => {
    const enough = row.find(({ found }) => found >= RECALL)
    if (enough === undefined) return ['never', '', '', '']
    const { reads, trips, found, ceiling } = enough
    return [
      `${reads.toFixed(1)} of ${ceiling}`,
      fixed < 0 ? '' : (reads / fixed).toFixed(2),
      `${found.toFixed(4)} (${recall(ceiling).toFixed(4)})`,
      trips.toFixed(2),
    ]
  })
  return [kind, fixed < 0 ? `> ${CANDIDATES}` : fixed, ...columns]
}

const set = loadSet(options.data, Number(options.queries))
const pool = new Pool()
console.log(
  `${set.name}: ${set.base.count} × ${set.base.dimension}, ${set.metric}, ${set.count} queries\n`,
)
const heads = [
  'kind',
  'fixed',
  ...rules.flatMap(({ rescore, loss }) => [
    `${rescore}, ${loss}`,
    'of fixed',
    'recall (reading all)',
    'further trips',
  ]),
]
console.log(
  `| ${heads.join(' | ')} |\n|${heads.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`,
)
for (const kind of options.kinds.split(',')) {
  console.log(`| ${(await row(set, kind, pool)).join(' | ')} |`)
}
pool.close()
