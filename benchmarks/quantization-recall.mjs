// Recall@10 of a brute-force scan over codes, as it is and with the top 20 rescored exactly:
//   node benchmarks/quantization-recall.mjs [--data DIR] [--quantiles 1,0.999,0.99] [--queries N]
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Pool } from '@annulus/native'
import { none, scalar } from '@annulus/quantization'

const LIMIT = 10
const RESCORED = 20
const SAMPLE = 10_000

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    quantiles: { type: 'string', default: '0.99,0.999,0.9999,1' },
    queries: { type: 'string', default: '1000' },
  },
})
const root =
  options.data ??
  process.env.ANNULUS_DATA ??
  fileURLToPath(new URL('../../shared/data', import.meta.url))

/** Rows of an fvecs, bvecs or ivecs file without their counts. */
function readVectors(path) {
  const bytes = readFileSync(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dimension = view.getInt32(0, true)
  const single = path.endsWith('.bvecs')
  const stride = 4 + dimension * (single ? 1 : 4)
  const n = bytes.length / stride
  const rows = path.endsWith('.ivecs')
    ? new Int32Array(n * dimension)
    : new Float32Array(n * dimension)
  for (let row = 0; row < n; row++) {
    const start = row * stride + 4
    for (let i = 0; i < dimension; i++) {
      rows[row * dimension + i] = single
        ? bytes[start + i]
        : path.endsWith('.ivecs')
          ? view.getInt32(start + i * 4, true)
          : view.getFloat32(start + i * 4, true)
    }
  }
  return { rows, dimension, n }
}

const exact = {
  euclidean(a, b) {
    let sum = 0
    for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2
    return sum
  },
  cosine(a, b) {
    let dot = 0
    let normA = 0
    let normB = 0
    for (let i = 0; i < a.length; i++) {
      dot += a[i] * b[i]
      normA += a[i] * a[i]
      normB += b[i] * b[i]
    }
    return -dot / Math.sqrt(normA * normB)
  },
}

function loadSet(name) {
  const folder = join(root, name)
  const file = existsSync(join(folder, 'base.bvecs')) ? 'base.bvecs' : 'base.fvecs'
  const metric = name.split('-').at(-1)
  return {
    name,
    metric,
    base: readVectors(join(folder, file)),
    queries: readVectors(join(folder, 'queries.fvecs')),
    truth: readVectors(join(folder, 'groundtruth.ivecs')),
  }
}

/** An evenly spaced sample, so that the order of the file does not matter. */
function sampleOf({ rows, dimension, n }) {
  const count = Math.min(SAMPLE, n)
  const sample = new Float32Array(count * dimension)
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * n) / count)
    sample.set(rows.subarray(row * dimension, (row + 1) * dimension), i * dimension)
  }
  return sample
}

async function measure(set, quantizer, label, pool) {
  const { base, queries, truth, metric } = set
  const { dimension } = base
  const vectorOf = (slot) => base.rows.subarray(slot * dimension, (slot + 1) * dimension)
  const trainStart = performance.now()
  const codes = await quantizer.train(sampleOf(base), { dimension, metric, pool })
  const encodeStart = performance.now()
  await codes.encode(0, base.rows)
  const encoded = performance.now()
  const wanted = Math.min(queries.n, Number(options.queries))
  let plain = 0
  let rescored = 0
  let scanMs = 0
  for (let q = 0; q < wanted; q++) {
    const query = queries.rows.subarray(q * dimension, (q + 1) * dimension)
    // A result as near as the tenth nearest counts: ties are no errors.
    const tenth = truth.rows[q * truth.dimension + LIMIT - 1]
    const reach = exact[metric](query, vectorOf(tenth))
    const start = performance.now()
    const { slots } = await codes.scan(query, { k: RESCORED })
    scanMs += performance.now() - start
    const near = Array.from(slots, (slot) => exact[metric](query, vectorOf(slot)) <= reach)
    plain += near.slice(0, LIMIT).filter(Boolean).length
    rescored += Math.min(LIMIT, near.filter(Boolean).length)
  }
  const { quantile } = codes.parameters
  console.log(
    `| ${set.name} | ${label}${quantile === undefined ? '' : ` (${quantile})`} | ` +
      `${codes.bytesPerVector} | ${(plain / wanted / LIMIT).toFixed(4)} | ` +
      `${(rescored / wanted / LIMIT).toFixed(4)} | ${(encodeStart - trainStart).toFixed(0)} | ` +
      `${(((encoded - encodeStart) * 1000) / base.n).toFixed(2)} | ` +
      `${((scanMs * 1e6) / wanted / base.n).toFixed(1)} |`,
  )
  codes.close()
}

if (!existsSync(root)) {
  console.error(`no data in ${root}; name a folder with --data or ANNULUS_DATA`)
  process.exit(1)
}
const pool = new Pool()
console.log(
  '| set | code (quantile) | bytes/vector | recall@10 | with top 20 rescored | training ms | ' +
    'encoding µs/vector | scan ns/vector |',
)
console.log('|---|---|--:|--:|--:|--:|--:|--:|')
const names = readdirSync(root).filter((name) => /-(cosine|euclidean)$/.test(name))
for (const name of names) {
  const set = loadSet(name)
  for (const quantile of options.quantiles.split(',').map(Number)) {
    await measure(set, scalar({ quantile }), 'scalar', pool)
  }
  await measure(set, scalar(), 'scalar, default', pool)
  await measure(set, none(), 'none', pool)
}
pool.close()
