// When the beams of an index are measured, one query at a time between other work.
import type { Pool, ReaderHandle } from '@annulus/native'
import type { VectorStorage } from '@annulus/storage'
import { isStale } from './calibration.js'
import { Calibrator } from './calibrator.js'
import type { Generation } from './generation.js'
import type { Readers } from './readers.js'
import type { SlotTable } from './slot-table.js'

export interface CalibratingOptions {
  readonly pool: Pool
  readonly storage: VectorStorage
  readonly reader: ReaderHandle | undefined
  readonly table: SlotTable
  readonly readers: Readers
  readonly metric: Generation['codes']['metric']
  /** Keeps what was measured. */
  readonly onCalibrated: (generation: Generation) => Promise<void>
}

/** Smaller collections are searched fast whatever the beam. */
const pointsMin = 2_000

export class Calibrating {
  readonly #options: CalibratingOptions
  readonly #signal: AbortSignal
  #work: { readonly of: Generation; readonly calibrator: Calibrator } | undefined

  constructor(options: CalibratingOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /** Whether an index into which everything is linked is to be measured. */
  isDue({ graph, calibration, calibrates }: Generation): boolean {
    const points = this.#options.table.live.size
    return calibrates && graph !== undefined && points >= pointsMin && isStale(calibration, points)
  }

  /** Measures with one more query. */
  async run(generation: Generation): Promise<void> {
    const { graph } = generation
    if (graph === undefined) return
    const work = this.#work?.of === generation ? this.#work : undefined
    const calibrator =
      work?.calibrator ??
      new Calibrator({ ...this.#options, generation, graph, signal: this.#signal })
    this.#work = { of: generation, calibrator }
    await this.#options.readers.run(() => calibrator.step())
    const { result } = calibrator
    if (result === undefined) return
    this.#work = undefined
    generation.calibration = result
    await this.#options.onCalibrated(generation)
  }
}
