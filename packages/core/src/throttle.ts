// A pace that a copy keeps: after each piece it pauses until the whole so far is not ahead of the rate.
import { setTimeout as delay } from 'node:timers/promises'
import { AbortError } from '@annulus/native'
import { nowMs } from './clock.js'
import { turn } from './points.js'

export class Throttle {
  readonly #bytesPerSecond: number
  readonly #signal: AbortSignal | undefined
  readonly #start = nowMs()
  #bytes = 0

  constructor(bytesPerSecond: number, signal: AbortSignal | undefined) {
    this.#bytesPerSecond = bytesPerSecond
    this.#signal = signal
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * To be called after so many bytes more: resolves when the next may be copied, and not before
   * everything else that waits for the event loop had its turn.
   *
   * @throws AbortError once the signal is aborted.
   */
  async passed(bytes: number): Promise<void> {
    this.#bytes += bytes
    const aheadMs = pauseMs(this.#bytes, this.#bytesPerSecond, nowMs() - this.#start)
    // Less is not worth a timer: it stays in the account.
    if (aheadMs >= 1) await delay(aheadMs, undefined, { signal: this.#signal }).catch(() => {})
    else await turn()
    if (this.#signal?.aborted === true) throw new AbortError(this.#signal.reason)
  }
}

/** How long a copy that has done so much in such a time must rest. */
export function pauseMs(bytes: number, bytesPerSecond: number, elapsedMs: number): number {
  return Math.max(0, (bytes / bytesPerSecond) * 1_000 - elapsedMs)
}
