import { native, type ReleasableHandle } from './native.js'

/**
 * Drops what a handle keeps in native memory now, rather than when it is collected. What uses it at the
 * moment goes on undisturbed; using the handle anew fails with `ANNULUS_CLOSED`. Idempotent.
 *
 * @throws TypeError when it is no handle of a source, a scorer or a reader.
 */
export function releaseHandle(handle: ReleasableHandle): void {
  native.releaseHandle(handle)
}
