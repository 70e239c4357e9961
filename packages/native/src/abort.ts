import { AbortError, AnnulusError } from './errors.js'

/**
 * Runs a native operation under an AbortSignal. The operation gets a one-element Int32Array that
 * becomes 1 on abort (undefined without a signal); its promise settles only when native code has let go
 * of every buffer, and an abort is then reported as {@link AbortError} with the signal's reason.
 */
export function withAbort<T>(
  signal: AbortSignal | undefined,
  run: (flag: Int32Array | undefined) => Promise<T>,
): Promise<T> {
  // Most calls have no signal; an async function around them would cost as much as a tenth of a search.
  return signal === undefined ? run(undefined) : runAbortably(signal, run)
}

async function runAbortably<T>(
  signal: AbortSignal,
  run: (flag: Int32Array) => Promise<T>,
): Promise<T> {
  if (signal.aborted) throw new AbortError(signal.reason)
  const flag = new Int32Array(1)
  const onAbort = () => Atomics.store(flag, 0, 1)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await run(flag)
  } catch (error) {
    if (error instanceof AnnulusError && error.code === 'ANNULUS_ABORTED') {
      throw new AbortError(signal.reason)
    }
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
