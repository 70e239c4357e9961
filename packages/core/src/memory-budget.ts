// What a collection will take of memory once its points are indexed, and whether that fits what it may take.
import { AnnulusError } from '@annulus/native'
import {
  type CodeSize,
  type Codes,
  codeSize,
  type Quantizer,
  quantizerFrom,
} from '@annulus/quantization'
import { filterCacheBytes } from './cache-sizes.js'
import type { CollectionConfig } from './collection-config.js'
import type { Generation } from './generation.js'
import { idIndexBytes } from './id-index.js'
import type { Tuning } from './options.js'
import { idChunkSlots } from './slot-table.js'

/** Bytes at most, by part. */
export interface MemoryNeed {
  readonly codes: number
  /** Links, and what searches and insertions work with. */
  readonly graph: number
  readonly slots: number
  /** Of payloads and filters, as large as they may become. */
  readonly caches: number
  readonly total: number
}

export interface MemoryBudgetOptions {
  readonly config: Pick<CollectionConfig, 'dimension' | 'metric' | 'm' | 'efConstruct'>
  readonly quantizer: Quantizer
  readonly tuning: Pick<Tuning, 'memoryBudget' | 'payloadCacheBytes' | 'codesFrom' | 'graphFrom'>
  readonly threads: number
}

/** Nodes whose links are allocated together, and lists of the upper levels (hnsw/native/nodes.h). */
const chunkNodes = 16_384
const upperChunkLists = 1_024
const codesSlack = 64 << 10
/** Of each search or insertion at a time: beams and what they have visited, beside a bit for each slot. */
const scratchBytes = 2 << 20

const kinds: readonly [string, Readonly<Record<string, number>>][] = [
  ['scalar', {}],
  ['rotated', { bits: 4 }],
  ['rotated', { bits: 2 }],
  ['rotated', { bits: 1 }],
  ['product', { compression: 32 }],
  ['product', { compression: 64 }],
  ['binary', {}],
]

export class MemoryBudget {
  readonly #options: MemoryBudgetOptions

  constructor(options: MemoryBudgetOptions) {
    this.#options = options
  }

  /** Undefined where there is none. */
  get bytes(): number | undefined {
    return this.#options.tuning.memoryBudget
  }

  /** For so many slots, with the codes there are or the ones to be trained. */
  needed(slots: number, current?: Generation): MemoryNeed {
    const codes = this.#codes(slots, current)
    return this.#with(slots, codes, current)
  }

  /** Bytes left for codes of so many vectors; undefined without a budget. */
  forCodes(slots: number): number | undefined {
    const { bytes } = this
    if (bytes === undefined) return undefined
    return Math.max(1, bytes - codesSlack - this.#with(slots, 0).total)
  }

  /** Where there is a budget all of it is for points: codes that are about to be used make no sketches for scans. */
  bind(codes: Pick<Codes, 'limitSketches'>): void {
    if (this.bytes !== undefined) codes.limitSketches?.(0)
  }

  /** @throws AnnulusError `ANNULUS_MEMORY_BUDGET` when so many slots do not fit. */
  check(slots: number, current?: Generation): void {
    const { bytes } = this
    if (bytes === undefined) return
    const need = this.needed(slots, current)
    if (need.total > bytes) throw this.#refusal(`${slots} slots`, slots, need, bytes, current)
  }

  /** Whether codes and graph may be there twice, as they are while they are built anew. */
  allowsRebuild(slots: number, current: Generation | undefined): boolean {
    const { bytes } = this
    return bytes === undefined || this.#twice(slots, current).total <= bytes
  }

  /** @throws AnnulusError `ANNULUS_MEMORY_BUDGET` when they may not. */
  checkRebuild(slots: number, current: Generation | undefined): void {
    const { bytes } = this
    if (bytes === undefined || this.allowsRebuild(slots, current)) return
    const need = this.#twice(slots, current)
    throw this.#refusal('building the index anew beside the old one', slots, need, bytes, current)
  }

  #twice(slots: number, current: Generation | undefined): MemoryNeed {
    const once = this.needed(slots, current)
    const again = this.needed(slots)
    return {
      ...once,
      codes: once.codes + again.codes,
      graph: once.graph + again.graph,
      total: once.total + again.codes + again.graph,
    }
  }

  #with(slots: number, codes: number, current?: Generation): MemoryNeed {
    const { config, tuning, threads } = this.#options
    const hasGraph = slots >= tuning.graphFrom || current?.graph !== undefined
    const linked = hasGraph ? linkBytes(slots, config.m) : 0
    // One for each thread, which may search while it has an insertion or a repair in hand.
    const scratches = hasGraph ? 2 * threads * (scratchBytes + slots) : 0
    const graph = linked + scratches
    const ids = Math.ceil(slots / idChunkSlots) * idChunkSlots * 8 + idIndexBytes(slots)
    const table = slots + ids
    const caches = tuning.payloadCacheBytes + filterCacheBytes
    return { codes, graph, slots: table, caches, total: codes + graph + table + caches }
  }

  #codes(slots: number, current: Generation | undefined): number {
    if (slots < this.#options.tuning.codesFrom && current === undefined) return 0
    if (current !== undefined) {
      const { bytes, bytesPerVector, slots: held } = current.codes
      const fixed = Math.max(0, bytes - held * bytesPerVector)
      return fixed + codesSlack + Math.max(slots, held) * bytesPerVector
    }
    const size = this.#codeSize(slots)
    return size === undefined ? 0 : bytesOf(size, slots)
  }

  #codeSize(slots: number): CodeSize | undefined {
    const { config, quantizer } = this.#options
    const { dimension, metric } = config
    const memoryBytes = this.forCodes(slots)
    const choice = quantizer.choose?.({ dimension, metric, count: slots, memoryBytes })
    const { kind, settings = {} } = choice ?? quantizer
    return codeSize(kind, settings, dimension, metric)
  }

  #refusal(
    what: string,
    slots: number,
    need: MemoryNeed,
    budget: number,
    current: Generation | undefined,
  ): AnnulusError {
    const fitting = this.#fitting(slots, budget - (need.total - need.codes))
    const slotsMax = this.#slotsThatFit(budget, current)
    const parts = `codes ${mib(need.codes)}, graph ${mib(need.graph)}, slots ${mib(need.slots)}, caches ${mib(need.caches)}`
    const advice =
      fitting.length === 0
        ? 'no kind of codes would fit'
        : `these codes would fit: ${fitting.join(', ')}`
    return new AnnulusError(
      'ANNULUS_MEMORY_BUDGET',
      `${what} need up to ${mib(need.total)} (${parts}), more than the budget of ${mib(budget)}; ${advice}; with the present ones ${slotsMax} slots fit`,
      { details: { budget, needed: need.total, parts: need, slots, slotsMax, fitting } },
    )
  }

  /** Kinds of codes that take no more, best first. */
  #fitting(slots: number, bytes: number): string[] {
    const { dimension, metric } = this.#options.config
    return kinds
      .filter(([kind, settings]) => {
        if (quantizerFrom(kind, settings)?.metrics?.includes(metric) === false) return false
        const size = codeSize(kind, settings, dimension, metric)
        return size !== undefined && bytesOf(size, slots) <= bytes
      })
      .map(([kind, settings]) => [kind, ...Object.values(settings)].join(' '))
  }

  #slotsThatFit(budget: number, current: Generation | undefined): number {
    let [fits, exceeds] = [0, 2 ** 32]
    while (exceeds - fits > 1) {
      const middle = Math.floor((fits + exceeds) / 2)
      if (this.needed(middle, current).total <= budget) fits = middle
      else exceeds = middle
    }
    return fits
  }
}

/** Lists of level 0 and the rest of a node in chunks; one list above for m - 1 nodes, on average. */
export function linkBytes(slots: number, m: number): number {
  const chunks = Math.ceil(slots / chunkNodes)
  const upperLists = (1.25 * slots) / (m - 1) + 4 * Math.sqrt(slots)
  const upperChunks = Math.ceil(upperLists / upperChunkLists) + 1
  return chunks * chunkNodes * (4 * 2 * m + 7) + upperChunks * upperChunkLists * 4 * m
}

function bytesOf({ fixedBytes, bytesPerVector }: CodeSize, slots: number): number {
  return fixedBytes + codesSlack + slots * bytesPerVector
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
