// The main job of `npm start`: build a collection of real text, ask it questions, compare the backends.
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { PointInput } from '@annulus/core'
import { chooseStorage } from '../auto-storage.js'
import { type Backend, runExperiment } from '../bench/experiment.js'
import { exactNeighbours } from '../bench/recall.js'
import { formatTable } from '../bench/table.js'
import { type DataSet, openDataSet } from '../import/index.js'
import { isUringSupported, open } from '../index.js'
import { loadPoints } from '../load.js'
import { progressBar } from '../progress.js'
import { readPassages } from './corpus.js'
import { documentationFolders } from './folders.js'
import { LexicalEmbedder } from './lexical-embedder.js'

const help = `Builds a collection, answers questions and compares the storage backends.

  npm start                    on the documentation of the packages installed on this machine
  npm start -- --data DIR      on a set of vectors: meta.json, base.fvecs or base.bvecs, queries.fvecs,
                               optional groundtruth.ivecs and payload.jsonl
  --dir DIR                    where the database is kept (default .annulus-demo; emptied first)
  --passages N                 most passages to read (default 30000)
  --queries N                  queries of the comparison (default 1000)`

const questions = [
  'asynchronously read the entire contents of a file',
  'verify a cryptographic signature with a public key',
  'run a test only when a condition holds',
  'map a file into memory',
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      dir: { type: 'string', default: '.annulus-demo' },
      passages: { type: 'string', default: '30000' },
      queries: { type: 'string', default: '1000' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return console.log(help)
  const path = resolve(values.dir)
  await rm(path, { recursive: true, force: true })
  const source =
    values.data === undefined
      ? await textSource(Number(values.passages))
      : await setSource(values.data)
  console.log(`\n${source.title}\n`)
  await build(path, source)
  await ask(path, source)
  await compare(path, source, Number(values.queries))
  console.log(
    `\nThe database stays in ${values.dir}; look at it with: node packages/annulus/dist/cli/main.js info ${values.dir}`,
  )
}

/** What the main job runs on. */
interface Source {
  readonly title: string
  readonly dimension: number
  readonly metric: DataSet['metric']
  readonly count: number
  points(): AsyncIterable<PointInput>
  readonly questions: readonly { text: string; vector: Float32Array }[]
  queries(count: number): Promise<Float32Array[]>
  describe(payload: Record<string, unknown> | undefined): string
}

async function textSource(limit: number): Promise<Source> {
  const reading = progressBar('reading ', limit, 'passages')
  const passages = await readPassages(await documentationFolders(), limit, (done) =>
    reading.update(done),
  )
  reading.update(passages.length, passages.length)
  reading.stop()
  const embedder = new LexicalEmbedder(passages.map((passage) => passage.text))
  const texts = passages.map((passage) => passage.text)
  return {
    title:
      `${passages.length} passages of documentation found on this machine, as vectors of ${embedder.dimension} components.\n` +
      'The vectors are a lexical stand-in for an embedding model (feature hashing): they compare words, not meanings.',
    dimension: embedder.dimension,
    metric: 'cosine',
    count: passages.length,
    async *points() {
      for (const [id, { text, package: name, file }] of passages.entries()) {
        yield { id, vector: embedder.embed(text), payload: { text, package: name, file } }
      }
    },
    questions: questions.map((text) => ({ text, vector: embedder.embed(text) })),
    queries: async (count) => halfSentences(texts, count).map((text) => embedder.embed(text)),
    describe: (payload) =>
      `${payload?.['package']} ${payload?.['file']}\n      ${String(payload?.['text']).slice(0, 160)}`,
  }
}

/** Queries that are in no passage whole: every other word of passages spread over the corpus. */
function halfSentences(texts: readonly string[], count: number): string[] {
  const step = Math.max(1, Math.floor(texts.length / count))
  return texts
    .filter((_, index) => index % step === 0)
    .slice(0, count)
    .map((text) =>
      text
        .split(' ')
        .filter((_, word) => word % 2 === 0)
        .join(' '),
    )
}

async function setSource(folder: string): Promise<Source> {
  const set = await openDataSet(folder)
  const all = await set.queries()
  return {
    title: `${set.name}: ${set.count} vectors of ${set.dimension} components, ${set.metric}`,
    dimension: set.dimension,
    metric: set.metric,
    count: set.count,
    async *points() {
      for await (const { id, vector, payload } of set.rows()) {
        yield { id: id ?? 0, vector, ...(payload === undefined ? {} : { payload }) }
      }
    },
    questions: all.slice(0, 3).map((vector, index) => ({ text: `query ${index}`, vector })),
    queries: async (count) => all.slice(0, count),
    describe: (payload) => JSON.stringify(payload ?? {}).slice(0, 200),
  }
}

async function build(path: string, source: Source): Promise<void> {
  await using database = await open(path)
  const choice = chooseStorage()
  console.log(`storage: ${choice.name} (${choice.reason})`)
  const collection = await database.collection('demo', {
    dimension: source.dimension,
    metric: source.metric,
  })
  const loaded = await loadPoints(collection, source.points(), source.count)
  console.log(
    `${loaded.points} points written durably in ${loaded.writeSeconds.toFixed(1)} s, indexed ${loaded.indexSeconds.toFixed(1)} s later`,
  )
}

async function ask(path: string, source: Source): Promise<void> {
  const reopened = performance.now()
  await using database = await open(path)
  const collection = await database.collection('demo')
  for (const [index, { text, vector }] of source.questions.entries()) {
    const started = performance.now()
    const hits = await collection.search(vector, { limit: 3 })
    if (index === 0)
      console.log(`\nreopened; first result after ${(performance.now() - reopened).toFixed(0)} ms`)
    console.log(`\n? ${text}   (${(performance.now() - started).toFixed(1)} ms)`)
    for (const hit of hits) {
      console.log(`  ${hit.score.toFixed(3)} ${source.describe(hit.payload)}`)
    }
  }
}

async function compare(path: string, source: Source, count: number): Promise<void> {
  const limit = 10
  const queries = await source.queries(count)
  const truth = await exactTruth(path, queries.slice(0, 200), limit)
  const backends: Backend[] = ['mmap']
  const uring = isUringSupported()
  if (uring.supported) backends.push('io_uring')
  else console.log(`\nio_uring is left out: ${uring.reason}`)
  const rows = 8
  const running = progressBar('comparing', rows, 'rows')
  let done = 0
  const table = await runExperiment({
    path,
    collection: 'demo',
    queries,
    truth,
    backends,
    oversampling: [1, 4],
    parallel: [4, 8],
    limit,
    cache: 'as-is',
    repeats: 3,
    onRow: () => running.update(++done),
  })
  running.stop()
  console.log(
    `\n${queries.length} queries, limit ${limit}, recall over ${truth.length} queries against exact search; page cache as it is\n`,
  )
  console.log(formatTable(table))
}

async function exactTruth(path: string, queries: readonly Float32Array[], limit: number) {
  await using database = await open(path)
  const collection = await database.collection('demo')
  const searching = progressBar('exact   ', queries.length, 'queries')
  const truth = await exactNeighbours(collection, queries, limit, (done) => searching.update(done))
  searching.stop()
  return truth
}

await main()
