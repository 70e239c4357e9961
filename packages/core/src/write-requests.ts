// Writes that wait for their commit, in the order of their calls.
import { AbortError } from '@annulus/native'
import { limits } from './limits.js'
import { isMove, sizeOf, type WriteCounts, type WriteInput } from './write-plan.js'

export interface WriteRequest {
  /** Undefined until `ready` has resolved. */
  input: WriteInput | undefined
  readonly ready: Promise<WriteInput>
  readonly signal: AbortSignal | undefined
  readonly resolve: (counts: WriteCounts) => void
  readonly reject: (error: unknown) => void
}

export class WriteRequests {
  readonly #queue: WriteRequest[] = []
  readonly #withdrawAborted = () => {
    for (const request of [...this.#queue]) if (request.signal?.aborted) this.#withdraw(request)
  }

  get length(): number {
    return this.#queue.length
  }

  get head(): WriteRequest | undefined {
    return this.#queue[0]
  }

  /** Resolves with the outcome of a write that may still be being prepared; an abort withdraws it at once. */
  add(ready: Promise<WriteInput>, signal: AbortSignal | undefined): Promise<WriteCounts> {
    return new Promise((resolve, reject) => {
      const request: WriteRequest = { input: undefined, ready, signal, resolve, reject }
      // The same function each time: however many writes share a signal, it has one listener of this queue.
      signal?.addEventListener('abort', this.#withdrawAborted)
      ready.then(
        (prepared) => {
          request.input = prepared
        },
        () => {},
      )
      this.#queue.push(request)
    })
  }

  /** Takes one out, if it is still there. */
  remove(request: WriteRequest): boolean {
    const at = this.#queue.indexOf(request)
    if (at < 0) return false
    this.#queue.splice(at, 1)
    const { signal } = request
    if (!this.#queue.some((other) => other.signal === signal)) {
      signal?.removeEventListener('abort', this.#withdrawAborted)
    }
    return true
  }

  #withdraw(request: WriteRequest): void {
    if (this.remove(request)) request.reject(new AbortError(request.signal?.reason))
  }

  /** Takes the first ones that are prepared and fit into one commit; rejects those aborted meanwhile. */
  take(): WriteRequest[] {
    const batch: WriteRequest[] = []
    let points = 0
    let bytes = 0
    for (let { head } = this; head !== undefined; { head } = this) {
      if (head.signal?.aborted === true) {
        this.#withdraw(head)
        continue
      }
      if (head.input === undefined) break
      points += sizeOf(head.input)
      bytes += 'group' in head.input ? head.input.group.vectors.byteLength : 0
      const tooMuch = points > limits.groupPointsMax || bytes > limits.groupBytesMax
      if (batch.length > 0 && (tooMuch || isMove(head.input))) break
      batch.push(head)
      this.remove(head)
      if (isMove(head.input)) break
    }
    return batch
  }
}
