// What a process takes after it has built an index and searched it, by part, beside the peers. Linux only.
//
//   cd benchmarks/peers && npm install && cd ../..
//   node benchmarks/memory.mjs --data SET [--peers annulus-mmap,annulus-uring,vectorlite,hnswlib-node,zvec-int8]
//     [--dir DIR] [--searches 3000] [--rounds 3]
//
// Each peer has a process of its own, which reads the set a thousand vectors at a time. Parts are what
// `/proc/self/smaps` says is resident; pages of mapped files can be taken back by the system at any time, all else cannot.
// "before" is the same process before the peer is loaded, "peak" the most it ever took. Figures are MB, medians of the rounds.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openDataSet } from 'annulus'
import { batchesOf } from './data/batches.mjs'
import { median } from './median.mjs'
import { peers } from './peers/peers.mjs'

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    peers: {
      type: 'string',
      default: 'annulus-mmap,annulus-uring,vectorlite,hnswlib-node,zvec-int8',
    },
    dir: { type: 'string', default: tmpdir() },
    searches: { type: 'string', default: '3000' },
    rounds: { type: 'string', default: '1' },
    child: { type: 'string' },
  },
})
if (values.data === undefined) throw new Error('name a data set with --data')

const partOf = (name) => {
  if (name === '[heap]') return 'malloc'
  if (name === '' || name.startsWith('[')) return 'anonymous'
  return name.startsWith(values.dir) ? 'data files' : 'programs'
}

/** MB that are resident, by part. */
function resident() {
  const parts = { 'data files': 0, programs: 0, malloc: 0, anonymous: 0 }
  let part = 'anonymous'
  for (const line of readFileSync('/proc/self/smaps', 'latin1').split('\n')) {
    const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$/.exec(line)
    if (mapping !== null) part = partOf(mapping[1])
    const size = /^Rss:\s+(\d+) kB/.exec(line)
    if (size !== null) parts[part] += (Number(size[1]) * 1024) / 1e6
  }
  return parts
}

/** In the process that is measured. */
async function measure(name, path) {
  const set = await openDataSet(values.data)
  const queries = await set.queries()
  const before = process.memoryUsage.rss() / 1e6
  const peer = await peers[name]()
  const { dimension, metric, count } = set
  const options = { path, dimension, metric, count, m: 16, efConstruct: 200 }
  await peer.build({ ...options, batches: batchesOf(set) })
  const built = process.memoryUsage.rss() / 1e6
  const setting = peer.settings.find(({ ef }) => ef === 64)
  for (let i = 0; i < Number(values.searches); i++) {
    await peer.search(queries[i % queries.length], 10, setting)
  }
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  const peak = process.resourceUsage().maxRSS / 1e3
  const parts = resident()
  const v8 = { heapTotal: heapTotal / 1e6, heapUsed: heapUsed / 1e6, external: external / 1e6 }
  console.log(JSON.stringify({ before, built, all: rss / 1e6, ...parts, ...v8, peak }))
  process.exit(0)
}

function measureApart(name) {
  const dir = mkdtempSync(join(values.dir, 'annulus-memory-'))
  const options = ['--data', values.data, '--searches', values.searches, '--dir', dir]
  try {
    const script = fileURLToPath(import.meta.url)
    const out = execFileSync(process.execPath, [script, ...options, '--child', name], {
      encoding: 'utf8',
    })
    return JSON.parse(out.split('\n').find((line) => line.startsWith('{')))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

if (values.child !== undefined) await measure(values.child, join(values.dir, 'index'))

const names = values.peers.split(',')
const rows = new Map(names.map((name) => [name, []]))
for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of names) rows.get(name).push(measureApart(name))
}
const columns = Object.keys(rows.get(names[0])[0])
console.log(`| | ${columns.join(' | ')} |\n|---|${columns.map(() => '---:|').join('')}`)
for (const [name, measured] of rows) {
  const cells = columns.map((column) => median(measured.map((row) => row[column])).toFixed(0))
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
