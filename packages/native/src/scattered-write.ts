import { getSystemErrorMap } from 'node:util'
import { native } from './native.js'

/**
 * Writes many parts of one piece of memory into a file, each at its own place, as one job on a thread of
 * libuv's: one after the other, whole, short and interrupted writes resumed. After one that failed no other
 * is tried. POSIX only. `memory` and the file must stay as they are until the promise has settled.
 *
 * @param parts three numbers a part: its first byte in `memory`, its bytes, its position in the file.
 * @returns milliseconds of CPU time that the job took.
 * @throws Error with the `code` and `errno` of the system, as Node's own file operations; AnnulusError
 *   `ANNULUS_INVALID_ARGUMENT` for a part that is not in `memory`.
 */
export async function writeScattered(
  fd: number,
  memory: Uint8Array,
  parts: Float64Array,
): Promise<number> {
  const [errno, cpuMs] = await native.writeScattered(fd, memory, parts)
  if (errno === 0) return cpuMs
  const [code, reason] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error']
  throw Object.assign(new Error(`${code}: ${reason}, write`), { code, errno: -errno })
}
