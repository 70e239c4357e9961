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

  get length(): number {
    return this.#queue.length
  }

  get head(): WriteRequest | undefined {
    return this.#queue[0]
  }

  /** Resolves with the outcome of a write that may still be being prepared. */
  add(ready: Promise<WriteInput>, signal: AbortSignal | undefined): Promise<WriteCounts> {
    return new Promise((resolve, reject) => {
      const request: WriteRequest = { input: undefined, ready, signal, resolve, reject }
      ready.then(
        (prepared) => {
          request.input = prepared
        },
        () => {},
      )
      this.#queue.push(request)
    })
  }

  /** Takes out the first. */
  drop(): void {
    this.#queue.shift()
  }

  /** Takes the first ones that are prepared and fit into one commit; rejects those aborted meanwhile. */
  take(): WriteRequest[] {
    const batch: WriteRequest[] = []
    let points = 0
    let bytes = 0
    for (let { head } = this; head !== undefined; { head } = this) {
      if (head.signal?.aborted === true) {
        this.drop()
        head.reject(new AbortError(head.signal.reason))
        continue
      }
      if (head.input === undefined) break
      points += sizeOf(head.input)
      bytes += 'group' in head.input ? head.input.group.vectors.byteLength : 0
      const tooMuch = points > limits.groupPointsMax || bytes > limits.groupBytesMax
      if (batch.length > 0 && (tooMuch || isMove(head.input))) break
      batch.push(head)
      this.drop()
      if (isMove(head.input)) break
    }
    return batch
  }
}
