/** How far an insertion is. */
export interface InsertProgress {
  /** Slots linked or passed over so far. */
  readonly done: number
  readonly total: number
}

const intervalMs = 100

/**
 * Runs native work that counts into a Uint32Array, and reports the count now and then. What `report`
 * throws aborts the work and is thrown to the caller.
 */
export async function reporting<T>(
  total: number,
  report: ((progress: InsertProgress) => void) | undefined,
  signal: AbortSignal | undefined,
  work: (stop: AbortSignal | undefined, counter: Uint32Array | undefined) => Promise<T>,
): Promise<T> {
  if (report === undefined) return work(signal, undefined)
  const counter = new Uint32Array(1)
  const failed = new AbortController()
  const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const timer = setInterval(() => {
    try {
      report({ done: Atomics.load(counter, 0), total })
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
  report({ done: Atomics.load(counter, 0), total })
  return result
}
