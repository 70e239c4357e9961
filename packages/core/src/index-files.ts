// Codes and graph of a snapshot, being loaded on threads of their own while the event loop reads the slot table.
import { HnswIndex } from '@annulus/hnsw'
import { fileIsResident, type Pool } from '@annulus/native'
import { type Codes, loadCodes } from '@annulus/quantization'
import { withScorer } from './generation.js'

export interface IndexPaths {
  readonly codes: string
  readonly graph: string | undefined
}

/** Far more than a graph has: its file is to be on its way while that of the codes is read. */
const aheadBytes = 2 ** 30

export class IndexFiles {
  readonly codes: Promise<Codes>
  /** Fails with the codes. */
  readonly graph: Promise<HnswIndex | undefined>

  constructor({ codes, graph }: IndexPaths, pool: Pool, signal: AbortSignal) {
    this.codes = loadCodes(codes, { pool, signal })
    if (graph !== undefined) void fileIsResident(pool, graph, aheadBytes).catch(() => {})
    this.graph = this.codes.then((loaded) =>
      graph === undefined
        ? undefined
        : withScorer(loaded, (scorer) => HnswIndex.load(graph, { pool, scorer, signal })),
    )
    // Nobody may be waiting for them yet, or ever.
    this.codes.catch(() => {})
    this.graph.catch(() => {})
  }

  /** Releases what nobody has taken over, once it is loaded. */
  async close(): Promise<void> {
    const [graph, codes] = await Promise.allSettled([this.graph, this.codes])
    if (graph.status === 'fulfilled') await graph.value?.close()
    if (codes.status === 'fulfilled') codes.value.close()
  }
}
