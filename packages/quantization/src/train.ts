import { metricNumber, withAbort } from '@annulus/native'
import type { Codes } from './codes.js'
import { native } from './native.js'
import { NativeCodes } from './native-codes.js'
import { rejectUnknown } from './options.js'
import type { QuantizerSettings, TrainOptions } from './quantizer.js'

/** Numbers of the kinds, as the addon and its snapshots know them. */
export const kindNumbers = { none: 0, scalar: 1, product: 2, binary: 3, rotated: 4 } as const

const PROGRESS_MS = 50

/** Trains codes of a native kind; progress is looked at while the addon counts it. */
export async function trainNative(
  kind: keyof typeof kindNumbers,
  sample: Float32Array,
  options: TrainOptions,
  settings: QuantizerSettings = {},
): Promise<Codes> {
  rejectUnknown('train', options, ['dimension', 'metric', 'pool', 'signal', 'onProgress'])
  const { dimension, metric, pool, signal, onProgress } = options
  const progress = new Uint32Array(2)
  const report = () => onProgress?.(Atomics.load(progress, 0), Atomics.load(progress, 1))
  const timer = onProgress === undefined ? undefined : setInterval(report, PROGRESS_MS)
  try {
    const number = metricNumber(metric)
    const handle = await withAbort(signal, (abort) =>
      native.train(
        kindNumbers[kind],
        sample,
        dimension,
        number,
        settings,
        pool.handle,
        progress,
        abort,
      ),
    )
    report()
    return new NativeCodes(handle)
  } finally {
    clearInterval(timer)
  }
}
