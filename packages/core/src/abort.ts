import { AbortError } from '@annulus/native'

/** Waits for work that goes on without the caller, as long as the signal lets it. */
export async function orAborted(
  work: Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal === undefined) return work
  if (signal.aborted) throw new AbortError(signal.reason)
  await new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(new AbortError(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
