// Memory for the vectors of groups on their way to the storage, used again and again. It lies outside the heap of
// JavaScript, but its collector counts it: a few megabytes a group had it look through the whole heap every few
// thousand points.

/** Memory that is kept for the next groups, of all collections of a database. */
const spareBytesMax = 8 << 20
/** Less than this is not worth a look. */
const lentBytesMin = 64 << 10

/** Memory that somebody may write and read until he gives it back, who need not. */
export interface LentVectors {
  readonly vectors: Float32Array
  /** Nobody may read or write `vectors` any more. Later calls do nothing. */
  readonly giveBack: () => void
}

export class VectorMemory {
  readonly #spare: ArrayBuffer[] = []
  #spareBytes = 0

  /** Memory for so many floats, whatever is in it. */
  lend(floats: number): LentVectors {
    const bytes = floats * 4
    if (bytes < lentBytesMin) return { vectors: new Float32Array(floats), giveBack: () => {} }
    const buffer = this.#take(bytes) ?? new ArrayBuffer(bytes)
    let lent = true
    const giveBack = () => {
      if (lent) this.#keep(buffer)
      lent = false
    }
    return { vectors: new Float32Array(buffer, 0, floats), giveBack }
  }

  #take(bytes: number): ArrayBuffer | undefined {
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= bytes)
    const [buffer] = at < 0 ? [] : this.#spare.splice(at, 1)
    this.#spareBytes -= buffer?.byteLength ?? 0
    return buffer
  }

  #keep(buffer: ArrayBuffer): void {
    if (this.#spareBytes + buffer.byteLength > spareBytesMax) return
    this.#spareBytes += buffer.byteLength
    this.#spare.push(buffer)
  }
}
