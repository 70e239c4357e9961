/** How far an insertion is, or a repair. */
export interface InsertProgress {
  /** Slots linked or passed over (repair: looked at) so far. */
  readonly done: number
  readonly total: number
}

const intervalMs = 100

/**
 * Runs native work that counts into a Uint32Array (its second word is the total, which the work may
 * set), and reports the count now and then. What `report`
 * throws aborts the work and is thrown to the caller.
 */
export async function reporting<T>(
  total: number,
  report: ((progress: InsertProgress) => void) | undefined,
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal | undefined, counter: Uint32Array | undefined) => Promise<T>,
): Promise<T> {
  if (report === undefined) return work(signal, undefined)
  const counter = Uint32Array.of(0, total)
  const failed = new AbortController()
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const timer = setInterval(() => {
    try {
      report(progressIn(counter))
    } catch (error) {
      failed.abort(error)
    }
  }, intervalMs)
  let result: T
  try {
    result = await work(stop, counter)
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    clearInterval(timer)
  }
  report(progressIn(counter))
  return result
}

function progressIn(counter: Uint32Array): InsertProgress {
  return { done: Atomics.load(counter, 0), total: Atomics.load(counter, 1) }
}
