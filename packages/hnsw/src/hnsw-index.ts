import {
  type Candidates,
  checkOptions,
  type Pool,
  type ScorerHandle,
  type SourceHandle,
  withAbort,
} from '@annulus/native'
import { checkInteger, checkPath, checkQuery, checkWords } from './arguments.js'
import type { CheckReport } from './check-report.js'
import type { GraphStats } from './graph-stats.js'
import { type NativeGraph, native, type RepairPiece } from './native.js'
import { inPieces, type Pace, type Piece } from './pieces.js'
import { type InsertProgress, reporting } from './progress.js'
import type { RepairReport } from './repair-report.js'

/** One past the highest slot a graph can hold. */
const slotsMax = 2 ** 31 - 1

export interface HnswOptions {
  /** Workers that insert and search. */
  readonly pool: Pool
  /** Distances between codes; slots must be encoded there before they are inserted. */
  readonly scorer: ScorerHandle
  /** Links a node chooses; level 0 holds twice as many. 4 to 128, default 16. */
  readonly m?: number
  /** Beam width while building, 1 to 65,536, default 128. Wider: better graph, slower build. */
  readonly efConstruct?: number
  /** Seed of the levels, default 0. One thread and one seed make one graph. */
  readonly seed?: number
}

export interface LoadOptions {
  readonly pool: Pool
  /** Must know every slot of the snapshot. The file is read and checked while a promise of it is pending. */
  readonly scorer: ScorerHandle | Promise<ScorerHandle>
  readonly signal?: AbortSignal | undefined
}

export interface InsertOptions {
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second while inserting, and once at the end. */
  readonly onProgress?: ((progress: InsertProgress) => void) | undefined
  /** Lets searches go first, always. Default false: turns are taken, a millisecond each. */
  readonly background?: boolean | undefined
  /** Does it in pieces with rests between them; default: in one. */
  readonly pace?: Pace | undefined
  /** Searches do not find the slots before `reveal`; default: each as soon as it is linked. */
  readonly hidden?: boolean | undefined
}

export interface RepairOptions {
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second, and once at the end. */
  readonly onProgress?: ((progress: InsertProgress) => void) | undefined
  /** As of {@link InsertOptions}. */
  readonly pace?: Pace | undefined
}

export interface SearchOptions {
  /** Results wanted, default 10. */
  readonly k?: number
  /** Beam width, default 64, at least `k` in effect. Wider: better recall, slower. */
  readonly ef?: number
  /** Bitmap: bit s % 32 of word s / 32 allows slot s; all if left out. Must not change meanwhile. */
  readonly allowed?: Uint32Array | undefined
  /**
   * A slot to search as if it were not in the graph, unless the search begins there or scans: a stored
   * vector is then nearly a query like any other.
   */
  readonly skip?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * A navigable small-world graph over the codes of a scorer (Malkov & Yashunin 2016, neighbours chosen
 * by its algorithm 4). A node is a slot number; the graph holds links and nothing else.
 *
 * All methods may be called while others run. After `close` they fail with `ANNULUS_CLOSED`.
 */
export class HnswIndex {
  readonly #graph: NativeGraph
  readonly #running = new Set<Promise<unknown>>()
  readonly #searches = new Set<Promise<unknown>>()
  #repair: Promise<unknown> = Promise.resolve()

  private constructor(graph: NativeGraph) {
    this.#graph = graph
  }

  /** An empty graph. */
  static create(options: HnswOptions): HnswIndex {
    checkOptions('HnswIndex.create', options, ['pool', 'scorer', 'm', 'efConstruct', 'seed'])
    const { pool, scorer, m = 16, efConstruct = 128, seed = 0 } = options
    checkInteger('m', m, 4, 128)
    checkInteger('efConstruct', efConstruct, 1, 65_536)
    checkInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER)
    return new HnswIndex(new native.Graph(scorer, pool.handle, m, efConstruct, seed))
  }

  /**
   * Reads a snapshot that `save` wrote.
   *
   * @throws AnnulusError `ANNULUS_NOT_FOUND`, `ANNULUS_VERSION`, or `ANNULUS_CORRUPT` when a checksum,
   *   a count, a level, a link or the entry point is wrong or a slot has no code: rebuild it then. What the
   *   promise of a scorer fails with.
   */
  static async load(path: string, options: LoadOptions): Promise<HnswIndex> {
    checkPath(path)
    checkOptions('HnswIndex.load', options, ['pool', 'scorer', 'signal'])
    const { pool, signal } = options
    const reading = withAbort(signal, (flag) => native.readGraph(path, flag))
    // Both have ended when this does, whatever became of the other.
    const [read, scorer] = await Promise.allSettled([reading, options.scorer])
    if (scorer.status === 'rejected') throw scorer.reason
    if (read.status === 'rejected') throw read.reason
    return new HnswIndex(new native.Graph(read.value, scorer.value, pool.handle))
  }

  /** Live nodes. */
  get size(): number {
    return this.#graph.size
  }

  /**
   * Links slots, in parallel over the pool. Searches find each as soon as it is linked, unless it is
   * hidden; a search under way when the first hidden one is linked may find it too. Linked slots are
   * passed over, so an aborted insertion can be repeated whole; so are those that a concurrent
   * insertion is linking. The graph does not depend on timing when the pool has one thread.
   *
   * @throws AnnulusError `ANNULUS_OUT_OF_RANGE` when a slot has no code, `ANNULUS_INVALID_ARGUMENT` when
   *   one was removed (both before anything changes), AbortError, `ANNULUS_OUT_OF_MEMORY`.
   */
  async insert(slots: Uint32Array, options: InsertOptions = {}): Promise<void> {
    checkWords('slots', slots)
    checkOptions('insert', options, ['signal', 'onProgress', 'background', 'pace', 'hidden'])
    const { signal, onProgress, background = false, pace, hidden = false } = options
    const graph = this.#graph
    await this.#run(
      reporting(slots.length, onProgress, signal, (stop, counter) =>
        withAbort(stop, (flag) =>
          inPieces<Piece>(pace, stop, (cpuMs, left) =>
            left === undefined
              ? graph.insert(slots, flag, counter, background, cpuMs, hidden)
              : graph.proceed(flag, counter, cpuMs, left),
          ),
        ),
      ),
    )
  }

  /**
   * Takes slots out of the results of every search that starts from now on. Their nodes stay as
   * waypoints until `repair`. A slot not linked yet will not be, until a repair frees it. Removing
   * again changes nothing. Returns how many were removed now.
   *
   * @throws AnnulusError `ANNULUS_OUT_OF_RANGE` when a slot has no code, before anything changes.
   */
  remove(slots: Uint32Array): number {
    checkWords('slots', slots)
    return this.#graph.remove(slots)
  }

  /**
   * Lets searches that start from now on find slots that were inserted hidden, all of them together.
   * Others are passed over. Returns how many were hidden.
   *
   * @throws AnnulusError `ANNULUS_OUT_OF_RANGE` when a slot has no code, before anything changes.
   */
  reveal(slots: Uint32Array): number {
    checkWords('slots', slots)
    return this.#graph.reveal(slots)
  }

  /**
   * Takes the nodes removed so far out of the graph, in the background: their neighbours get others in
   * their place, then nothing points to them and their slots are free. Searches, insertions, removals
   * and snapshots go on meanwhile. What is removed meanwhile stays for the next repair; so does
   * everything when this one is aborted. A second call begins when the first has ended.
   *
   * Once this resolves, no search or insertion of this index that began before it still knows a
   * freed slot, so the slots may be encoded and inserted at once. Searches through `source()` have ended
   * in the graph, but what their pipelines do with the slots afterwards is theirs: wait with
   * encoding until those that began before have settled.
   *
   * @throws AnnulusError AbortError, `ANNULUS_CLOSED`, `ANNULUS_OUT_OF_MEMORY`; nothing was freed then.
   */
  async repair(options: RepairOptions = {}): Promise<RepairReport> {
    checkOptions('repair', options, ['signal', 'onProgress', 'pace'])
    const { signal, onProgress, pace } = options
    const graph = this.#graph
    const turn = this.#repair.then(() =>
      reporting(0, onProgress, signal, (stop, counter) =>
        withAbort(stop, (flag) =>
          inPieces<RepairPiece>(pace, stop, (cpuMs, left) =>
            left === undefined
              ? graph.repair(flag, counter, cpuMs)
              : graph.proceed(flag, counter, cpuMs, left),
          ),
        ),
      ),
    )
    this.#repair = turn.catch(() => undefined)
    const { freed = new Uint32Array(), relinked = 0 } = await this.#run(turn)
    await this.quiescent()
    return { freed, relinked }
  }

  /** Resolves when all searches that this index had begun by now have settled. */
  async quiescent(): Promise<void> {
    await Promise.allSettled(this.#searches)
  }

  /**
   * The nearest live and allowed nodes, nearest first, equal distances by slot; fewer than `k` only when
   * there are not more (or none is within reach). Filters that few nodes pass are answered by scoring
   * exactly those.
   */
  async search(query: Float32Array, options: SearchOptions = {}): Promise<Candidates> {
    checkQuery(query)
    checkOptions('search', options, ['k', 'ef', 'allowed', 'skip', 'signal'])
    const { k = 10, ef = 64, allowed, skip, signal } = options
    checkInteger('k', k, 1, slotsMax)
    checkInteger('ef', ef, 1, slotsMax)
    if (allowed !== undefined) checkWords('allowed', allowed)
    if (skip !== undefined) checkInteger('skip', skip, 0, 2 ** 32 - 1)
    const words = await this.#run(
      withAbort(signal, (flag) => this.#graph.search(query, k, ef, allowed, skip, flag)),
      this.#searches,
    )
    const found = words.length / 2
    return {
      slots: words.subarray(0, found),
      distances: new Float32Array(words.buffer, words.byteOffset + 4 * found, found),
    }
  }

  /** The graph for native pipelines (`pipelineSearch`). Keeps the graph's memory while it is held. */
  source(): SourceHandle {
    return this.#graph.source()
  }

  /** Whether a slot is linked and not removed. */
  contains(slot: number): boolean {
    checkInteger('slot', slot, 0, 2 ** 32 - 1)
    return this.#graph.contains(slot)
  }

  /**
   * Bitmap of the slots that have a node, removed ones included, or may not be inserted before the next
   * repair.
   */
  occupied(): Uint32Array {
    return this.#graph.occupied()
  }

  stats(): GraphStats {
    return this.#graph.stats()
  }

  /**
   * Writes a snapshot and puts it in place of `path` at once when it is safe on disk. Searches and
   * removals go on; insertions pause while the bytes are written, not while they are synced.
   */
  async save(
    path: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    checkPath(path)
    checkOptions('save', options, ['signal'])
    await this.#run(withAbort(options.signal, (flag) => this.#graph.save(path, flag)))
  }

  /** Looks at every list of the graph. Insertions pause meanwhile. */
  async check(): Promise<CheckReport> {
    return this.#run(this.#graph.check())
  }

  /** Ends running insertions (`ANNULUS_CLOSED`), waits for everything else, frees. Idempotent. */
  async close(): Promise<void> {
    this.#graph.close()
    await Promise.allSettled([...this.#running, ...this.#searches])
  }

  async #run<T>(operation: Promise<T>, among = this.#running): Promise<T> {
    among.add(operation)
    try {
      return await operation
    } finally {
      among.delete(operation)
    }
  }
}
