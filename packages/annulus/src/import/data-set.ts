// A benchmark set: a folder with meta.json, base.fvecs or base.bvecs, queries.fvecs, groundtruth.ivecs.
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AnnulusError, type Metric } from '@annulus/native'
import { readObjects } from './json-lines.js'
import { readRecords, recordShape } from './records.js'
import type { ImportedRow } from './rows.js'

export interface DataSet {
  readonly name: string
  readonly metric: Metric
  readonly dimension: number
  readonly count: number
  /** Base vectors in order; the id is the row number, the payload comes from payload.jsonl if present. */
  rows(): AsyncGenerator<ImportedRow>
  queries(): Promise<Float32Array[]>
  /** Exact neighbours of each query, nearest first; empty when the set has none. */
  truth(limit: number): Promise<number[][]>
}

const metricNames: ReadonlyMap<string, Metric> = new Map(
  Object.entries<Metric>({
    angular: 'cosine',
    cosine: 'cosine',
    dot: 'dot',
    euclidean: 'euclidean',
    ip: 'dot',
    l1: 'manhattan',
    l2: 'euclidean',
    manhattan: 'manhattan',
  }),
)

/** Opens the set in `folder`; vectors are streamed, not loaded. */
export async function openDataSet(folder: string): Promise<DataSet> {
  const meta = await readMeta(folder)
  const bytes = await exists(join(folder, 'base.bvecs'))
  const base = join(folder, bytes ? 'base.bvecs' : 'base.fvecs')
  const componentBytes = bytes ? 1 : 4
  const { rows, dimension } = await recordShape(base, componentBytes)
  const payloads = join(folder, 'payload.jsonl')
  const hasPayloads = await exists(payloads)
  return {
    name: meta.name,
    metric: meta.metric,
    dimension,
    count: rows,
    rows: () =>
      numbered(readRecords(base, componentBytes), hasPayloads ? readObjects(payloads) : undefined),
    queries: async () => {
      const queries: Float32Array[] = []
      for await (const { vector } of readRecords(join(folder, 'queries.fvecs'), 4))
        queries.push(vector)
      return queries
    },
    truth: (limit) => readTruth(join(folder, 'groundtruth.ivecs'), limit),
  }
}

async function* numbered(
  vectors: AsyncGenerator<ImportedRow>,
  payloads: AsyncGenerator<{ value: Record<string, unknown> }> | undefined,
): AsyncGenerator<ImportedRow> {
  let id = 0
  for await (const { vector } of vectors) {
    const payload = payloads === undefined ? undefined : (await payloads.next()).value?.value
    yield { id: id++, vector, ...(payload === undefined ? {} : { payload }) }
  }
}

async function readMeta(folder: string): Promise<{ name: string; metric: Metric }> {
  const path = join(folder, 'meta.json')
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AnnulusError(
      'ANNULUS_NOT_FOUND',
      `${folder} holds no data set: meta.json cannot be read`,
      { cause },
    )
  })
  let meta: unknown
  try {
    meta = JSON.parse(text)
  } catch (cause) {
    throw new AnnulusError('ANNULUS_CORRUPT', `${path} is not JSON`, { cause })
  }
  if (
    typeof meta !== 'object' ||
    meta === null ||
    !('distance' in meta) ||
    typeof meta.distance !== 'string'
  ) {
    throw new AnnulusError('ANNULUS_CORRUPT', `${path} names no "distance"`)
  }
  const metric = metricNames.get(meta.distance.toLowerCase())
  if (metric === undefined) {
    throw new AnnulusError('ANNULUS_UNSUPPORTED', `${path}: unknown distance ${meta.distance}`)
  }
  return { name: 'name' in meta && typeof meta.name === 'string' ? meta.name : folder, metric }
}

// Rows of an ivecs file have the shape of fvecs rows; only the component type differs.
async function readTruth(path: string, limit: number): Promise<number[][]> {
  if (!(await exists(path))) return []
  const truth: number[][] = []
  for await (const { vector } of readRecords(path, 4)) {
    const ids = new Int32Array(vector.buffer, vector.byteOffset, vector.length)
    truth.push([...ids.subarray(0, limit)])
  }
  return truth
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
