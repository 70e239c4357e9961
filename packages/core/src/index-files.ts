// Codes and graph of a snapshot, being loaded on threads of their own while the event loop reads the slot table.
import { HnswIndex } from '@annulus/hnsw'
import { type Pool, releaseHandle } from '@annulus/native'
import { type Codes, loadCodes } from '@annulus/quantization'

export interface IndexPaths {
  readonly codes: string
  readonly graph: string | undefined
}

export interface IndexFilesOptions {
  readonly pool: Pool
  /** Codes of so many bytes or more are left to be loaded when the rest is. */
  readonly codesLaterFrom: number
  readonly signal: AbortSignal
}

export class IndexFiles {
  readonly codes: Promise<Codes>
  /** Fails with the codes. */
  readonly graph: Promise<HnswIndex | undefined>

  constructor({ codes, graph }: IndexPaths, options: IndexFilesOptions) {
    const { pool, signal, codesLaterFrom: laterFrom } = options
    this.codes = loadCodes(codes, { pool, signal, laterFrom })
    this.graph =
      graph === undefined ? this.codes.then(() => undefined) : this.#load(graph, pool, signal)
    // Nobody may be waiting for them yet, or ever.
    this.codes.catch(() => {})
    this.graph.catch(() => {})
  }

  async #load(path: string, pool: Pool, signal: AbortSignal): Promise<HnswIndex> {
    const scorer = this.codes.then((codes) => codes.scorer())
    try {
      return await HnswIndex.load(path, { pool, scorer, signal })
    } finally {
      scorer.then(releaseHandle, () => {})
    }
  }

  /** Releases what nobody has taken over, once it is loaded. */
  async close(): Promise<void> {
    const [graph, codes] = await Promise.allSettled([this.graph, this.codes])
    if (graph.status === 'fulfilled') await graph.value?.close()
    if (codes.status === 'fulfilled') codes.value.close()
  }
}
