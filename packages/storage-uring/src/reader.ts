// The engine as it follows a segment store: started with the first layout it hears of, told of every
// segment and slot, and asked for vectors.
import { AnnulusError, type Metric, metricNumber, withAbort } from '@annulus/native'
import type { Segment, SegmentLayout } from '@annulus/storage'
import { fitsInCache, Growth } from './cache-fit.js'
import { type EngineStats, type NativeEngine, native, type StartResult } from './native.js'
import type { Settings } from './options.js'
import { deniedErrno, explainHere } from './support.js'

export class UringReader {
  readonly #settings: Settings
  readonly #paths: string[] = []
  readonly #growth: Growth
  readonly #fit: boolean
  #slotsPerSegment = 1
  #engine: NativeEngine | undefined
  #started: StartResult | undefined
  #denied: string | undefined

  /** `slots` and `dimension` of what is about to be opened. */
  constructor(settings: Settings, slots: number, dimension: number) {
    this.#settings = settings
    this.#growth = new Growth(slots)
    this.#fit = fitsInCache(slots, dimension)
  }

  /** The engine, once `start` was called. */
  get engine(): NativeEngine {
    if (this.#engine !== undefined) return this.#engine
    throw new AnnulusError('ANNULUS_INTERNAL', 'the io_uring engine was used before it was started')
  }

  /** Starts the ring thread; later calls do nothing. */
  async start(layout: SegmentLayout): Promise<void> {
    if (this.#engine !== undefined) return
    if (native.Engine === undefined) {
      throw new AnnulusError('ANNULUS_UNSUPPORTED', `${explainHere(1, 0).reason}; use storage-mmap`)
    }
    const { dimension, stride, headerBytes, slotsPerSegment, segmentBytes } = layout
    const place = { dimension, stride, headerBytes, slotsPerSegment, segmentBytes }
    this.#slotsPerSegment = slotsPerSegment
    this.#engine = new native.Engine({
      ...place,
      ...this.#settings,
      fit: this.#fit,
      denyErrno: deniedErrno(),
    })
    this.#started = await this.#engine.start()
    const { ring, stage, errno } = this.#started
    if (!ring) this.#denied = explainHere(stage, errno).reason
  }

  async add(segment: Segment, layout: SegmentLayout): Promise<void> {
    await this.start(layout)
    await this.engine.addSegment(segment.number, segment.path, segment.checksums)
    this.#paths[segment.number] = segment.path
  }

  /** After vectors were appended. */
  grown(slots: number, dimension: number): void {
    if (this.#growth.isDue(slots)) this.engine.expectFit(fitsInCache(slots, dimension))
  }

  async read(
    slots: Uint32Array,
    dimension: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const vectors = new Float32Array(slots.length * dimension)
    await this.#located(() => withAbort(signal, (flag) => this.engine.read(slots, vectors, flag)))
    return vectors
  }

  async score(
    query: Float32Array,
    slots: Uint32Array,
    metric: Metric,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const distances = new Float32Array(slots.length)
    const number = metricNumber(metric)
    await this.#located(() =>
      withAbort(signal, (flag) => this.engine.score(query, slots, number, distances, flag)),
    )
    return distances
  }

  /** Why reads do not go through a ring; undefined while they do. */
  get fallback(): string | undefined {
    if (this.#denied !== undefined) return this.#denied
    const errno = this.#engine?.stats().brokenErrno ?? 0
    if (errno === 0) return undefined
    return `the ring failed and reads went on without it (${explainHere(1, errno).errno})`
  }

  stats(): EngineStats {
    return this.engine.stats()
  }

  async close(): Promise<void> {
    await this.#engine?.close()
  }

  /** Native code knows slots; people look for files. */
  async #located(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (error) {
      if (!(error instanceof AnnulusError)) throw error
      const { slot } = error.details
      if (typeof slot !== 'number' || error.code === 'ANNULUS_OUT_OF_RANGE') throw error
      const path = this.#paths[Math.floor(slot / this.#slotsPerSegment)]
      throw new AnnulusError(error.code, `${error.message} in ${path}`, {
        cause: error.cause,
        details: { ...error.details, path },
      })
    }
  }
}
