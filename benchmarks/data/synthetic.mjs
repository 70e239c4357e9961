// Makes a seeded synthetic set in the format of `annulus import`: a mixture of Gaussian clusters on a
// random subspace of low dimension plus small noise, normalised. Embeddings of text look like this:
// many components, few degrees of freedom.
//
//   node benchmarks/data/synthetic.mjs --count 100000 --dimension 768 --out DIR [--queries 1000]
//
// The same options make the same bytes on every machine. Ground truth: exact, by cosine, 100 a query.
import { createHash } from 'node:crypto'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { distances } from '@annulus/native'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    dimension: { type: 'string', default: '768' },
    queries: { type: 'string', default: '1000' },
    clusters: { type: 'string', default: '1000' },
    subspace: { type: 'string', default: '32' },
    spread: { type: 'string', default: '0.5' },
    noise: { type: 'string', default: '0.01' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
})
const [count, dimension, queryCount, clusters, subspace, spread, noise, seed] = [
  values.count,
  values.dimension,
  values.queries,
  values.clusters,
  values.subspace,
  values.spread,
  values.noise,
  values.seed,
].map(Number)
const out = resolve(
  values.out ?? join(import.meta.dirname, '..', '.data', `synthetic-${count}-${dimension}`),
)
const truthDepth = Math.min(100, count)
const blockRows = 4096

// Small and fast, and the same on every platform: xoshiro128** (Blackman & Vigna) seeded by splitmix32.
function generator(seed) {
  let mix = seed >>> 0
  const next32 = () => {
    mix = (mix + 0x9e3779b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [next32(), next32(), next32(), next32()]
  const uniform = () => {
    const x = Math.imul(b, 5)
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return (result + 0.5) / 4294967296
  }
  let spare
  const normal = () => {
    if (spare !== undefined) {
      const value = spare
      spare = undefined
      return value
    }
    const radius = Math.sqrt(-2 * Math.log(uniform()))
    const angle = 2 * Math.PI * uniform()
    spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
  return { uniform, normal }
}

const shape = generator(seed)
const basis = Float64Array.from(
  { length: subspace * dimension },
  () => shape.normal() / Math.sqrt(dimension),
)
const centres = Float64Array.from({ length: clusters * subspace }, () => shape.normal())

/** Writes one normalised vector of the mixture into `row`. */
function fill(row, random) {
  const cluster = Math.floor(random.uniform() * clusters)
  const sum = new Float64Array(dimension)
  for (let axis = 0; axis < subspace; axis++) {
    const coefficient = centres[cluster * subspace + axis] + spread * random.normal()
    const offset = axis * dimension
    for (let i = 0; i < dimension; i++) sum[i] += coefficient * basis[offset + i]
  }
  let norm = 0
  for (let i = 0; i < dimension; i++) {
    sum[i] += noise * random.normal()
    norm += sum[i] * sum[i]
  }
  const scale = 1 / Math.sqrt(norm)
  for (let i = 0; i < dimension; i++) row[i] = sum[i] * scale
}

async function writeRows(name, rows, random, onBlock) {
  const file = await open(join(out, name), 'w')
  const recordBytes = 4 + 4 * dimension
  for (let first = 0; first < rows; first += blockRows) {
    const here = Math.min(blockRows, rows - first)
    const bytes = new ArrayBuffer(here * recordBytes)
    const vectors = new Float32Array(here * dimension)
    for (let row = 0; row < here; row++) {
      const vector = vectors.subarray(row * dimension, (row + 1) * dimension)
      fill(vector, random)
      new Int32Array(bytes, row * recordBytes, 1)[0] = dimension
      new Float32Array(bytes, row * recordBytes + 4, dimension).set(vector)
    }
    await file.write(new Uint8Array(bytes))
    await onBlock(first, vectors)
  }
  await file.close()
}

await mkdir(out, { recursive: true })
const queries = []
await writeRows('queries.fvecs', queryCount, generator(seed + 1), (_, vectors) => {
  for (let at = 0; at < vectors.length; at += dimension)
    queries.push(vectors.slice(at, at + dimension))
})

// The nearest so far of each query: distance and id, kept sorted.
const nearest = queries.map(() => ({
  distances: new Float64Array(truthDepth).fill(Infinity),
  ids: new Int32Array(truthDepth).fill(-1),
}))
function offer(best, distance, id) {
  if (!(distance < best.distances[truthDepth - 1])) return
  let at = truthDepth - 1
  for (; at > 0 && best.distances[at - 1] > distance; at--) {
    best.distances[at] = best.distances[at - 1]
    best.ids[at] = best.ids[at - 1]
  }
  best.distances[at] = distance
  best.ids[at] = id
}

const started = performance.now()
await writeRows('base.fvecs', count, generator(seed + 2), async (first, vectors) => {
  const pending = queries.map(async (query, index) => {
    const found = await distances(query, vectors, 'cosine')
    for (let row = 0; row < found.length; row++) offer(nearest[index], found[row], first + row)
  })
  await Promise.all(pending)
  if ((first / blockRows) % 16 === 0) {
    process.stderr.write(
      `${first + vectors.length / dimension} of ${count} vectors, ${((performance.now() - started) / 1000).toFixed(0)} s\n`,
    )
  }
})

async function writeTruth(name, bytesOf) {
  const recordBytes = 4 + 4 * truthDepth
  const bytes = new ArrayBuffer(nearest.length * recordBytes)
  for (const [row, best] of nearest.entries()) {
    new Int32Array(bytes, row * recordBytes, 1)[0] = truthDepth
    bytesOf(best, bytes, row * recordBytes + 4)
  }
  await writeFile(join(out, name), new Uint8Array(bytes))
}
await writeTruth('groundtruth.ivecs', (best, bytes, at) =>
  new Int32Array(bytes, at, truthDepth).set(best.ids),
)
await writeTruth('groundtruth_distances.fvecs', (best, bytes, at) => {
  new Float32Array(bytes, at, truthDepth).set(best.distances.map((distance) => 1 + distance))
})
const digest = createHash('sha256').update(queries[0]).digest('hex').slice(0, 16)
await writeFile(
  join(out, 'meta.json'),
  `${JSON.stringify({ name: `synthetic-${count}-${dimension}`, distance: 'cosine', dim: dimension, count, queries: queryCount, clusters, subspace, spread, noise, seed, firstQuerySha256: digest }, null, 1)}\n`,
)
console.log(out)
