// Every kind of code on one set, as a table in markdown:
//   node benchmarks/quantization.mjs --data SET [--kinds scalar,rotated4] [--queries N]
// Candidates come from a scan over all codes, so that only the codes are judged and no graph.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { distances, Pool, pipelineSearch, readsNeeded } from '@annulus/native'
import { binary, none, product, rotated, scalar } from '@annulus/quantization'
import { native } from '../packages/quantization/dist/native.js'

const LIMIT = 10
const CANDIDATES = 32 * LIMIT
const SAMPLE = 16_384
const BLOCK = 20_000
const kinds = {
  none: () => none(),
  scalar: () => scalar(),
  rotated8: () => rotated({ bits: 8 }),
  rotated4: () => rotated({ bits: 4 }),
  rotated2: () => rotated({ bits: 2 }),
  rotated1: () => rotated({ bits: 1 }),
  binary: () => binary(),
  product4: () => product({ compression: 4 }),
  product8: () => product({ compression: 8 }),
  product16: () => product({ compression: 16 }),
  product32: () => product({ compression: 32 }),
  product64: () => product({ compression: 64 }),
}
const bytesOf = { fvecs: 4, ivecs: 4, bvecs: 1 }

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    kinds: { type: 'string', default: Object.keys(kinds).join(',') },
    queries: { type: 'string', default: '500' },
  },
})
if (options.data === undefined) throw new Error('name a set with --data')

/** Rows of an fvecs, bvecs or ivecs file, read where they are wanted. */
class Rows {
  #width
  #file
  constructor(path) {
    this.#file = openSync(path)
    this.#width = bytesOf[path.split('.').at(-1)]
    const head = Buffer.alloc(4)
    readSync(this.#file, head, 0, 4, 0)
    this.dimension = head.readInt32LE(0)
    this.stride = 4 + this.dimension * this.#width
    this.count = fstatSync(this.#file).size / this.stride
    this.integers = path.endsWith('.ivecs')
  }
  /** `count` rows from `first` on, as numbers. */
  read(first, count, out = new Float32Array(count * this.dimension), at = 0) {
    const bytes = Buffer.allocUnsafe(count * this.stride)
    readSync(this.#file, bytes, 0, bytes.length, first * this.stride)
    for (let row = 0; row < count; row++) {
      const start = row * this.stride + 4
      const target = (at + row) * this.dimension
      if (this.#width === 1) out.set(bytes.subarray(start, start + this.dimension), target)
      else {
        const part = bytes.buffer.slice(
          bytes.byteOffset + start,
          bytes.byteOffset + start + 4 * this.dimension,
        )
        out.set(this.integers ? new Int32Array(part) : new Float32Array(part), target)
      }
    }
    return out
  }
  close() {
    closeSync(this.#file)
  }
}

function loadSet(folder) {
  const file = existsSync(join(folder, 'base.bvecs')) ? 'base.bvecs' : 'base.fvecs'
  const about = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'))
  const base = new Rows(join(folder, file))
  const queries = new Rows(join(folder, 'queries.fvecs'))
  const truth = new Rows(join(folder, 'groundtruth.ivecs'))
  const count = Math.min(queries.count, Number(options.queries))
  return {
    name: basename(folder),
    metric: about.distance,
    base,
    count,
    query: (q) => queries.read(q, 1),
    tenth: (q) => truth.read(q, 1)[LIMIT - 1],
  }
}

/** An evenly spread sample, as a collection takes it. */
function sampleOf(base) {
  const count = Math.min(SAMPLE, base.count)
  const sample = new Float32Array(count * base.dimension)
  for (let i = 0; i < count; i++) base.read(Math.floor((i * base.count) / count), 1, sample, i)
  return sample
}

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

async function candidatesOf(set, codes, pool, query) {
  const { metric, base } = set
  const found = await pipelineSearch(pool, [{ source: codes.source() }], undefined, query, {
    metric,
    limit: Math.min(CANDIDATES, base.count),
    candidates: Math.min(CANDIDATES, base.count),
    ef: 1,
    bounded: true,
  })
  const vectors = new Float32Array(found.slots.length * base.dimension)
  for (const [i, slot] of found.slots.entries()) base.read(slot, 1, vectors, i)
  return { ...found, exact: await distances(query, vectors, metric, { pool }) }
}

/** Of the first `read` candidates, the distance of the last result. */
const worstOf = (exact, read) => exact.slice(0, read).sort()[LIMIT - 1]

/** What bounded rescoring reads of the first `ceiling` candidates, and in how many round trips. */
function bounded({ distances, bounds, exact }, ceiling) {
  const among = {
    distances: distances.slice(0, ceiling),
    bounds: bounds.slice(0, ceiling),
  }
  const first = readsNeeded(among, LIMIT, 0, 0)
  const all = readsNeeded(among, LIMIT, first, worstOf(exact, first))
  return { reads: all, second: all > first }
}

async function judge(set, codes, pool) {
  const ranks = new Float64Array(CANDIDATES + 1) // results at each rank of the estimates
  const ceilings = [2, 4, 8, 16, 32].map((x) => ({ x, reads: 0, second: 0, found: 0 }))
  for (let q = 0; q < set.count; q++) {
    const query = set.query(q)
    const found = await candidatesOf(set, codes, pool, query)
    const [reach] = await distances(query, set.base.read(set.tenth(q), 1), set.metric, { pool })
    // A result as near as the tenth nearest counts: ties are no errors.
    let good = 0
    const upTo = Array.from(found.exact, (distance) => {
      if (distance <= reach) good++
      return Math.min(good, LIMIT)
    })
    for (const [i, hits] of upTo.entries()) ranks[i + 1] += hits
    for (const ceiling of ceilings) {
      const { reads, second } = bounded(found, ceiling.x * LIMIT)
      ceiling.reads += reads
      ceiling.second += Number(second)
      ceiling.found += upTo[reads - 1] ?? 0
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
  const { base, metric } = set
  const { dimension } = base
  const sample = sampleOf(base)
  const started = performance.now()
  const codes = await kinds[kind]().train(sample, { dimension, metric, pool })
  const trained = performance.now() - started
  let encoding = 0
  for (let first = 0; first < base.count; first += BLOCK) {
    const block = base.read(first, Math.min(BLOCK, base.count - first))
    const start = performance.now()
    await codes.encode(first, block)
    encoding += performance.now() - start
  }
  const { scan, random } = speed(codes, set.query(0))
  const { recall, ceilings, fixed } = await judge(set, codes, pool)
  const enough = ceilings.find(({ recall }) => recall >= 0.99)
  const share = (codes.bytesPerVector * 1e9) / scan / memory
  codes.close()
  return [
    kind,
    codes.bytesPerVector,
    `${trained.toFixed(0)} ms`,
    `${((encoding * 1000) / base.count).toFixed(2)} µs`,
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

const set = loadSet(options.data)
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
  if (kinds[kind] === undefined) throw new Error(`no kind ${kind}`)
  console.log(`| ${(await row(set, kind, pool, memory)).join(' | ')} |`)
}
pool.close()
