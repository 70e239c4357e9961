// What the order and the thresholds of `auto()` rest on, as tables in markdown, one for each dimension:
//   node benchmarks/auto.mjs --data SET [--components 16,32,64,128,256] [--count 20000] [--queries 200]
// Vectors are cut down to evenly spread components of a set's own. Rows are by size; *picked* is what `auto` takes when codes
// may be as large as this row, *beaten by* names codes of at most that size that find more, with the top 20 rescored or, where
// both find all, without. Nothing in it depends on time.
import { parseArgs } from 'node:util'
import { Pool } from '@annulus/native'
import { auto } from '@annulus/quantization'
import { encode, kinds, nearestCodes } from './data/coded-set.mjs'
import { loadSet } from './data/vector-set.mjs'

const LIMIT = 10

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    components: { type: 'string', default: '16,32,48,64,96,128,192,256,384' },
    count: { type: 'string', default: '20000' },
    queries: { type: 'string', default: '200' },
  },
})
if (options.data === undefined) throw new Error('name a set with --data')

/** Rows in memory, with the interface of those of a file. */
class Cut {
  constructor(rows, dimension, count) {
    this.dimension = dimension
    this.count = count
    this.vectors = new Float32Array(count * dimension)
    for (let row = 0; row < count; row++) {
      const whole = rows(row)
      for (let i = 0; i < dimension; i++) {
        this.vectors[row * dimension + i] = whole[Math.floor((i * whole.length) / dimension)]
      }
    }
  }
  read(first, count, out = new Float32Array(count * this.dimension), at = 0) {
    const { dimension } = this
    out.set(this.vectors.subarray(first * dimension, (first + count) * dimension), at * dimension)
    return out
  }
}

/** The set with fewer components, whose true neighbours are those of exact codes. */
async function cutSet(set, dimension, count, pool) {
  const base = new Cut((row) => set.base.read(row, 1), dimension, count)
  const queries = new Cut((row) => set.query(row), dimension, set.count)
  const { metric } = set
  const { codes } = await encode({ base, metric }, 'none', pool)
  const tenths = []
  for (let q = 0; q < set.count; q++) {
    const { slots } = await codes.scan(queries.read(q, 1), { k: LIMIT })
    tenths.push(slots[LIMIT - 1])
  }
  codes.close()
  const query = (q) => queries.read(q, 1)
  return { metric, base, count: set.count, query, neighbour: (q) => tenths[q] }
}

async function judge(set, kind, pool) {
  const { codes } = await encode(set, kind, pool)
  const found = [LIMIT, 2 * LIMIT].map(() => 0)
  for (let q = 0; q < set.count; q++) {
    const { good } = await nearestCodes(set, codes, pool, q, 2 * LIMIT, LIMIT)
    for (const i of found.keys()) {
      const hits = good.slice(0, (i + 1) * LIMIT).filter(Boolean).length
      found[i] += Math.min(LIMIT, hits) / set.count / LIMIT
    }
  }
  const { bytesPerVector } = codes
  codes.close()
  return { kind, bytesPerVector, plain: found[0], rescored: found[1] }
}

/** Room for a little more than the codes take now, as `auto` reckons with what they will need at most. */
function pickWithin(bytesPerVector, { metric, base }) {
  const { dimension, count } = base
  const codebooks = 2 * 4 * 256 * dimension + 8192
  const memoryBytes = bytesPerVector * count + codebooks
  const { kind, settings } = auto({ memoryBytes }).choose({ dimension, metric, count })
  return kind + (settings.bits ?? settings.compression ?? '')
}

/** Differences below this are chance. */
const margin = 0.002

function beats(a, b) {
  if (a.bytesPerVector > b.bytesPerVector) return false
  if (a.rescored > b.rescored + margin) return true
  return Math.abs(a.rescored - b.rescored) <= margin && a.plain > b.plain + margin
}

const set = loadSet(options.data, Number(options.queries))
const pool = new Pool()
const count = Math.min(Number(options.count), set.base.count)
console.log(`${set.name}: ${count} vectors, ${set.metric}, ${set.count} queries`)
for (const dimension of options.components.split(',').map(Number)) {
  if (dimension > set.base.dimension) continue
  const cut = await cutSet(set, dimension, count, pool)
  const rows = []
  for (const kind of Object.keys(kinds)) rows.push(await judge(cut, kind, pool))
  rows.sort((a, b) => b.bytesPerVector - a.bytesPerVector || b.rescored - a.rescored)
  console.log(`\n${dimension} components\n`)
  console.log('| kind | bytes | recall@10 | top 20 rescored | picked | beaten by |')
  console.log('|---|--:|--:|--:|---|---|')
  for (const row of rows) {
    const better = rows.filter((other) => beats(other, row)).map(({ kind }) => kind)
    const cells = [
      row.kind,
      row.bytesPerVector,
      row.plain.toFixed(3),
      row.rescored.toFixed(3),
      pickWithin(row.bytesPerVector, cut),
      better.join(', '),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}
pool.close()
