// What verifying the checksum of every vector costs: searches a second with it and without.
//
//   make -C benchmarks/verification OUT=DIR
//   node benchmarks/verification/verification.mjs --addons DIR --database DB [--collection vectors] [--query-file FILE]
//     [--backends mmap,io_uring] [--callers 1,8] [--ef 64] [--oversampling 2] [--bounded] [--seconds 0.5] [--rounds 15]
//
// Two processes, one of each kind, take turns of a fraction of a second on vectors that are cached; printed are medians of
// both and the median of the ratios of neighbouring turns. How fast a single caller is depends on how soon the system wakes
// threads, so there the processor time tells more.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    addons: { type: 'string' },
    database: { type: 'string' },
    collection: { type: 'string', default: 'vectors' },
    'query-file': { type: 'string' },
    backends: { type: 'string', default: 'mmap,io_uring' },
    callers: { type: 'string', default: '1,8' },
    ef: { type: 'string', default: '64' },
    oversampling: { type: 'string', default: '2' },
    bounded: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '0.5' },
    rounds: { type: 'string', default: '15' },
  },
})
const { addons, database } = values
if (addons === undefined || database === undefined) {
  throw new Error('needs --addons and --database')
}

const program = fileURLToPath(new URL('searcher.mjs', import.meta.url))
const variants = ['verified', 'unverified']

async function start(variant, backend) {
  const directory = (name) => resolve(join(addons, variant, name))
  // node-gyp-build looks there for the addon of a package.
  const env = {
    ...process.env,
    '@ANNULUS/STORAGE_MMAP_PREBUILD': directory('mmap'),
    '@ANNULUS/STORAGE_URING_PREBUILD': directory('uring'),
  }
  const expected = directory(backend === 'mmap' ? 'mmap' : 'uring')
  const child = fork(program, [JSON.stringify({ ...values, backend, expected })], { env })
  child.on('exit', (code) => {
    if (code !== 0) throw new Error(`a searcher ended with ${code}`)
  })
  await once(child, 'message')
  return child
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]

console.log(
  '| backend | callers | reads a query | QPS | unverified | ratio | CPU µs a query | unverified | ratio |',
)
console.log('|---|---:|---:|---:|---:|---:|---:|---:|---:|')
for (const backend of values.backends.split(',')) {
  const children = await Promise.all(variants.map((variant) => start(variant, backend)))
  const measure = async (child, callers, seconds) => {
    child.send({ callers, seconds })
    const [answer] = await once(child, 'message')
    return answer
  }
  for (const callers of values.callers.split(',').map(Number)) {
    for (const child of children) await measure(child, callers, 1)
    const runs = []
    for (let round = 0; round < Number(values.rounds); round++) {
      // Which of them goes first changes, so that neither always has the other's leavings in the cache.
      const order = round % 2 === 0 ? [0, 1] : [1, 0]
      const pair = []
      for (const index of order) {
        pair[index] = await measure(children[index], callers, Number(values.seconds))
      }
      runs.push(pair)
    }
    const of = (index, field) => median(runs.map((pair) => pair[index][field])).toFixed(0)
    const ratio = (field) =>
      median(runs.map(([one, other]) => one[field] / other[field])).toFixed(3)
    const reads = median(runs.map(([one]) => one.reads)).toFixed(1)
    const cells = ['qps', 'cpu'].flatMap((field) => [of(0, field), of(1, field), ratio(field)])
    console.log(`| ${[backend, callers, reads, ...cells].join(' | ')} |`)
  }
  for (const child of children) child.disconnect()
}
