import { writeFile } from 'node:fs/promises'
import { cpus, release, totalmem } from 'node:os'
import type { Collection } from '@annulus/core'
import { AnnulusError } from '@annulus/native'
import { Command, Option } from 'commander'
import {
  type Backend,
  type CacheState,
  type ExperimentRow,
  runExperiment,
} from '../bench/experiment.js'
import { exactNeighbours } from '../bench/recall.js'
import { headline, recommend } from '../bench/recommend.js'
import { htmlReport } from '../bench/report.js'
import { formatTable } from '../bench/table.js'
import { readVectors } from '../import/index.js'
import { isUringSupported, open } from '../index.js'
import { progressBar } from '../progress.js'
import { integer, numbers } from './arguments.js'

interface BenchOptions {
  collection: string
  queries: number
  queryFile?: string
  limit: number
  ef?: number
  oversampling: number[]
  parallel: number[]
  repeats: number
  cache: CacheState
  backends: Backend[]
  checked: number
  report?: string
  json?: boolean
}

/** annulus bench <database> */
export function benchCommand(signal: AbortSignal): Command {
  return new Command('bench')
    .description(
      'Which storage backend suits this collection and this disk: oversampling × parallel × backend.',
    )
    .argument('<database>', 'directory of the database')
    .option('-c, --collection <name>', 'collection to measure', 'vectors')
    .option('-n, --queries <n>', 'queries per row', integer(1), 1_000)
    .option(
      '--query-file <file>',
      'take the queries from this file of vectors instead of stored points',
    )
    .option('-k, --limit <n>', 'results per query', integer(1), 10)
    .option('--ef <n>', 'beam width of the graph search', integer(1))
    .option('--oversampling <list>', 'values to compare', numbers, [1, 4])
    .option('--parallel <list>', 'numbers of callers to compare', numbers, [4, 8])
    .option('--repeats <n>', 'times each row is run', integer(1), 3)
    .addOption(
      new Option('--backends <list...>', 'storage backends to compare')
        .choices(['mmap', 'io_uring'])
        .default(['mmap', 'io_uring']),
    )
    .option(
      '--checked <n>',
      'queries whose recall is checked against exact search',
      integer(0),
      200,
    )
    .addOption(
      new Option('--cache <state>', 'of the page cache when a row starts')
        .choices(['cold', 'as-is', 'warm'])
        .default('as-is'),
    )
    .option('--report <file>', 'also write one self-contained HTML page with plots')
    .option('--json', 'print JSON')
    .action(async (path: string, options: BenchOptions) => {
      const denied = options.backends.includes('io_uring') ? isUringSupported().reason : undefined
      const backends = options.backends.filter((name) => name === 'mmap' || denied === undefined)
      if (backends.length === 0) {
        throw new AnnulusError('ANNULUS_UNSUPPORTED', `nothing to measure: ${denied}`)
      }
      const { queries, truth } = await prepare(path, options, signal)
      const total = backends.length * options.oversampling.length * options.parallel.length
      const bar = progressBar('measuring', total, 'rows', options.json)
      let done = 0
      const rows = await runExperiment({
        ...options,
        path,
        queries,
        truth,
        backends,
        signal,
        onRow: () => bar.update(++done),
      })
      bar.stop()
      const recommendation = recommend(rows, denied)
      if (options.report !== undefined) {
        await writeFile(
          options.report,
          htmlReport(describeRun(path, options, rows), rows, recommendation),
        )
      }
      if (options.json) return console.log(JSON.stringify({ rows, recommendation }))
      console.log(formatTable(rows))
      console.log(`\n${headline(recommendation)}: ${recommendation.reasons.join('; ')}.`)
      if (options.report !== undefined) console.log(`The page with plots is ${options.report}`)
    })
}

function describeRun(path: string, options: BenchOptions, rows: readonly ExperimentRow[]) {
  const [cpu] = cpus()
  return {
    title: `annulus bench: ${options.collection}`,
    facts: [
      ['database', path],
      [
        'queries',
        `${rows[0]?.queries ?? 0}, limit ${options.limit}, each row ${options.repeats} times`,
      ],
      ['page cache', options.cache],
      [
        'machine',
        `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}, Node ${process.version}`,
      ],
    ] as const,
  }
}

async function prepare(path: string, options: BenchOptions, signal: AbortSignal) {
  await using database = await open(path, { readOnly: true })
  const collection = await database.collection(options.collection)
  const queries =
    options.queryFile === undefined
      ? await sample(collection, options.queries)
      : await readQueries(options.queryFile, options.queries)
  const checked = queries.slice(0, options.checked)
  const bar = progressBar('exact search', checked.length, 'queries', options.json)
  const truth = await exactNeighbours(collection, checked, options.limit, (count) => {
    signal.throwIfAborted()
    bar.update(count)
  })
  bar.stop()
  return { queries, truth }
}

async function readQueries(path: string, limit: number): Promise<Float32Array[]> {
  const queries: Float32Array[] = []
  for await (const { vector } of readVectors(path)) {
    queries.push(vector)
    if (queries.length === limit) break
  }
  return queries
}

/** Stored vectors, spread over the collection, each moved a little so that it is not its own answer. */
async function sample(collection: Collection, count: number): Promise<Float32Array[]> {
  const queries: Float32Array[] = []
  const points = collection.stats().points
  const step = Math.max(1, Math.floor(points / count))
  let index = 0
  for await (const point of collection.points({ withVector: true, withPayload: false })) {
    if (index++ % step !== 0 || point.vector === undefined) continue
    queries.push(nudged(point.vector, index))
    if (queries.length === count) break
  }
  return queries
}

function nudged(vector: Float32Array, seed: number): Float32Array {
  let norm = 0
  for (const component of vector) norm += component * component
  const step = 0.1 * Math.sqrt(norm / vector.length)
  return vector.map(
    (component, at) => component + step * Math.sin(12.9898 * (at + 1) + 78.233 * seed),
  )
}
