// Codes whose memory and algorithms live in the addon, whatever their kind.
import {
  AbortError,
  AnnulusError,
  type Candidates,
  type Metric,
  metrics,
  type ScorerHandle,
  type SourceHandle,
  withAbort,
} from '@annulus/native'
import type { CodeFit, Codes, EncodeOptions, SaveOptions, ScanOptions } from './codes.js'
import { type CodesHandle, native } from './native.js'
import { rejectUnknown } from './options.js'

const MAX_SLOTS = 0xffff_ffff

export class NativeCodes implements Codes {
  readonly kind: string
  readonly dimension: number
  readonly metric: Metric
  readonly bytesPerVector: number
  readonly parameters: Readonly<Record<string, number>>
  readonly #handle: CodesHandle
  // Encoding and saving one after the other: both see the slots that the call before them left.
  #last: Promise<unknown> = Promise.resolve()
  #isWhole: boolean
  #loading: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(handle: CodesHandle) {
    const about = native.describe(handle)
    const metric = metrics[about.metric]
    if (metric === undefined) throw new AnnulusError('ANNULUS_INTERNAL', 'codes of no known metric')
    this.#handle = handle
    this.kind = about.kind
    this.dimension = about.dimension
    this.metric = metric
    this.bytesPerVector = about.bytesPerVector
    this.parameters = Object.freeze(about.parameters)
    this.#isWhole = this.loaded === this.slots
  }

  get slots(): number {
    return native.slots(this.#handle)
  }

  get bytes(): number {
    return native.bytes(this.#handle)
  }

  get loaded(): number {
    return native.loaded(this.#handle)
  }

  load(): Promise<void> {
    this.#loading ??= this.#readRest()
    return this.#loading
  }

  async #readRest(): Promise<void> {
    if (this.#isWhole) return
    try {
      const { signal } = this.#closing
      await withAbort(signal, (abort) => native.loadRows(this.#handle, abort))
      this.#isWhole = true
    } catch (error) {
      if (!(error instanceof AbortError)) throw error
      throw new AnnulusError('ANNULUS_CLOSED', 'these codes are closed')
    }
  }

  limitSketches(bytes: number): void {
    native.limitSketches(this.#handle, bytes)
  }

  get fit(): CodeFit | undefined {
    const counts = native.fit(this.#handle)
    if (counts === undefined) return undefined
    const [looked, beyond, expected] = counts
    return { looked, beyond, expected }
  }

  async encode(
    slots: number | Uint32Array,
    vectors: Float32Array,
    options: EncodeOptions = {},
  ): Promise<void> {
    rejectUnknown('encode', options, ['signal'])
    await this.#inOrder(() =>
      withAbort(options.signal, (abort) => native.encode(this.#handle, slots, vectors, abort)),
    )
  }

  decode(slot: number): Float32Array {
    return native.decode(this.#handle, slot)
  }

  scorer(): ScorerHandle {
    return native.scorer(this.#handle)
  }

  source(): SourceHandle {
    return native.source(this.#handle)
  }

  async scan(query: Float32Array, options: ScanOptions): Promise<Candidates> {
    rejectUnknown('scan', options, ['k', 'allowed', 'from', 'to', 'background', 'signal'])
    const { k, allowed, from = 0, to = MAX_SLOTS, background = false, signal } = options
    if (!query.every(Number.isFinite)) {
      throw new AnnulusError('ANNULUS_INVALID_VECTOR', 'the query holds a value that is not finite')
    }
    const copy = this.#isWhole ? query : query.slice()
    if (!this.#isWhole) await this.load()
    const found = await withAbort(signal, (abort) =>
      native.scan(this.#handle, copy, k, allowed, from, to, background, abort),
    )
    const count = found.length / 2
    return {
      slots: found.subarray(0, count),
      distances: new Float32Array(found.buffer, found.byteOffset + count * 4, count),
    }
  }

  async save(path: string, options: SaveOptions = {}): Promise<void> {
    rejectUnknown('save', options, ['signal'])
    await this.#inOrder(() =>
      withAbort(options.signal, (abort) => native.save(this.#handle, path, abort)),
    )
  }

  close(): void {
    this.#closing.abort()
    native.close(this.#handle)
  }

  #inOrder<T>(run: () => Promise<T>): Promise<T> {
    const last = this.#isWhole ? this.#last : this.#last.then(() => this.load())
    const result = last.then(run)
    this.#last = result.catch(() => undefined)
    return result
  }
}
