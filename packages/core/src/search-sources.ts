// Codes and graph of a generation as native searches take them, and searches that are prepared for them.
import type { HnswIndex } from '@annulus/hnsw'
import { type PreparedSearch, releaseHandle, type SourceHandle } from '@annulus/native'
import type { Codes } from '@annulus/quantization'

/** Options of which prepared searches are kept. */
const preparedMax = 8

export class SearchSources {
  readonly #codes: Codes
  #ofCodes: SourceHandle | undefined
  #ofGraph: SourceHandle | undefined
  readonly #prepared: { readonly options: object; readonly search: PreparedSearch }[] = []

  constructor(codes: Codes) {
    this.#codes = codes
  }

  /** Made once. */
  codes(): SourceHandle {
    this.#ofCodes ??= this.#codes.source()
    return this.#ofCodes
  }

  /** Made once, for a generation never changes its graph. */
  graph(graph: HnswIndex): SourceHandle {
    this.#ofGraph ??= graph.source()
    return this.#ofGraph
  }

  /** Searches through the graph with these options, made once; those of the last few options are kept. */
  prepared(options: object, prepare: () => PreparedSearch): PreparedSearch {
    for (const known of this.#prepared) if (known.options === options) return known.search
    const search = prepare()
    this.#prepared.push({ options, search })
    if (this.#prepared.length > preparedMax) this.#prepared.shift()?.search.release()
    return search
  }

  /** Their memory must not wait for the collector; searches under way hold it themselves. */
  release(): void {
    for (const { search } of this.#prepared.splice(0)) search.release()
    for (const source of [this.#ofCodes, this.#ofGraph]) {
      if (source !== undefined) releaseHandle(source)
    }
    this.#ofCodes = undefined
    this.#ofGraph = undefined
  }
}
