// Every kind of code on one set, as a table in markdown:
//   node benchmarks/quantization.mjs --data SET [--kinds scalar,rotated4] [--queries N]
import { parseArgs } from 'node:util'
import { Pool } from '@annulus/native'
import { native } from '../packages/quantization/dist/native.js'
import { encode, kinds, nearestCodes } from './data/coded-set.mjs'
import { readUntilEnough } from './data/rescored.mjs'
import { loadSet } from './data/vector-set.mjs'

const LIMIT = 10
const CANDIDATES = 32 * LIMIT

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    kinds: { type: 'string', default: Object.keys(kinds).join(',') },
    queries: { type: 'string', default: '500' },
  },
})
if (options.data === undefined) throw new Error('name a set with --data')

/** Bytes a second that one thread reads in order (memchr over memory that was written to). */
function bandwidth() {
  const twos = Buffer.alloc(512 << 20, 2)
  return best(5, () => twos.indexOf(1), twos.length)
}

/** The most units a second of several runs: other work on the machine only ever slows. */
function best(runs, work, units) {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    work()
    least = Math.min(least, performance.now() - start)
  }
  return (units * 1000) / least
}

async function judge(set, codes, pool) {
  const ranks = new Float64Array(CANDIDATES + 1) // results at each rank of the estimates
  const ceilings = [2, 4, 8, 16, 32].map((x) => ({ x, reads: 0, second: 0, found: 0 }))
  for (let q = 0; q < set.count; q++) {
    const nearest = await nearestCodes(set, codes, pool, q, CANDIDATES, LIMIT)
    let hits = 0
    for (const [i, good] of nearest.good.entries()) {
      if (good && hits < LIMIT) hits++
      ranks[i + 1] += hits
    }
    for (const ceiling of ceilings) {
      const plan = { rescore: 'bounded', limit: LIMIT, loss: 0.001 }
      const { reads, trips, found } = readUntilEnough(nearest, set.metric, ceiling.x * LIMIT, plan)
      ceiling.reads += reads
      ceiling.second += Number(trips > 1)
      ceiling.found += found
    }
  }
  const recall = (read) => ranks[read] / set.count / LIMIT
  for (const ceiling of ceilings) {
    for (const name of ['reads', 'second', 'found']) ceiling[name] /= set.count
    ceiling.recall = ceiling.found / LIMIT
    ceiling.all = recall(ceiling.x * LIMIT)
  }
  return { recall, ceilings, fixed: ranks.findIndex((_, read) => recall(read) >= 0.99) }
}

/** Nanoseconds of an estimate: one thread, in order (one query each) and at random slots. */
function speed(codes, query) {
  const n = Math.min(codes.slots, 1 << 18)
  const inOrder = Uint32Array.from({ length: n }, (_, slot) => slot)
  const scorer = codes.scorer()
  let state = 1
  const scattered = Uint32Array.from({ length: 1 << 16 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * codes.slots)
  })
  const time = (slots) =>
    1e9 / best(7, () => native.queryDistances(scorer, query, slots), slots.length)
  return { scan: time(inOrder), random: time(scattered) }
}

async function row(set, kind, pool, memory) {
  const { codes, training, encoding } = await encode(set, kind, pool)
  const { scan, random } = speed(codes, set.query(0))
  const { recall, ceilings, fixed } = await judge(set, codes, pool)
  const enough = ceilings.find(({ recall }) => recall >= 0.99)
  const share = (codes.bytesPerVector * 1e9) / scan / memory
  codes.close()
  return [
    kind,
    codes.bytesPerVector,
    `${training.toFixed(0)} ms`,
    `${((encoding * 1000) / set.base.count).toFixed(2)} µs`,
    ...[1, 2, 4].map((x) => recall(x * LIMIT).toFixed(4)),
    fixed < 0 ? `> ${CANDIDATES}` : fixed,
    ...(enough === undefined
      ? ['never', '', '', '']
      : [
          `${enough.reads.toFixed(1)} of ${enough.x * LIMIT}`,
          enough.recall.toFixed(4),
          enough.all.toFixed(4),
          `${(enough.second * 100).toFixed(0)} %`,
        ]),
    scan.toFixed(1),
    random.toFixed(1),
    `${(share * 100).toFixed(0)} %`,
  ]
}

const set = loadSet(options.data, Number(options.queries))
const pool = new Pool()
const memory = bandwidth()
console.log(
  `${set.name}: ${set.base.count} × ${set.base.dimension}, ${set.metric}, ${set.count} queries, ` +
    `${(memory / 1e9).toFixed(1)} GB/s read by one thread\n`,
)
const heads = [
  'kind',
  'bytes per vector',
  'training',
  'encoding, each',
  'recall@10 without rescoring',
  'oversampling 2',
  'oversampling 4',
  'fixed reads for 0.99',
  'bounded reads for 0.99',
  'recall',
  'reading all of these',
  'second round trips',
  'ns an estimate, scan',
  'random',
  'of memory bandwidth',
]
console.log(
  `| ${heads.join(' | ')} |\n|${heads.map((_, i) => (i === 0 ? '---' : '--:')).join('|')}|`,
)
for (const kind of options.kinds.split(',')) {
  console.log(`| ${(await row(set, kind, pool, memory)).join(' | ')} |`)
}
pool.close()
