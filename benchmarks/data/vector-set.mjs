// A set of vectors with queries and their true neighbours, read from fvecs, bvecs and ivecs files where it is wanted.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'

const SAMPLE = 16_384
const bytesOf = { fvecs: 4, ivecs: 4, bvecs: 1 }

/** Rows of an fvecs, bvecs or ivecs file, read where they are wanted. */
class Rows {
  #width
  #file
  constructor(path) {
    this.#file = openSync(path)
    this.#width = bytesOf[path.split('.').at(-1)]
    const head = Buffer.alloc(4)
    readSync(this.#file, head, 0, 4, 0)
    this.dimension = head.readInt32LE(0)
    this.stride = 4 + this.dimension * this.#width
    this.count = fstatSync(this.#file).size / this.stride
    this.integers = path.endsWith('.ivecs')
  }
  /** `count` rows from `first` on, as numbers. */
  read(first, count, out = new Float32Array(count * this.dimension), at = 0) {
    const bytes = Buffer.allocUnsafe(count * this.stride)
    readSync(this.#file, bytes, 0, bytes.length, first * this.stride)
    for (let row = 0; row < count; row++) {
      const start = row * this.stride + 4
      const target = (at + row) * this.dimension
      if (this.#width === 1) out.set(bytes.subarray(start, start + this.dimension), target)
      else {
        const part = bytes.buffer.slice(
          bytes.byteOffset + start,
          bytes.byteOffset + start + 4 * this.dimension,
        )
        out.set(this.integers ? new Int32Array(part) : new Float32Array(part), target)
      }
    }
    return out
  }
  close() {
    closeSync(this.#file)
  }
}

/**
 * @param folder with base, queries, groundtruth and meta.json
 * @param queries at most so many
 */
export function loadSet(folder, queries) {
  const file = existsSync(join(folder, 'base.bvecs')) ? 'base.bvecs' : 'base.fvecs'
  const about = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'))
  const base = new Rows(join(folder, file))
  const asked = new Rows(join(folder, 'queries.fvecs'))
  const truth = new Rows(join(folder, 'groundtruth.ivecs'))
  return {
    name: basename(folder),
    metric: about.distance,
    base,
    count: Math.min(asked.count, queries),
    query: (q) => asked.read(q, 1),
    /** Row of the `rank`th nearest of a query, from 1 on. */
    neighbour: (q, rank) => truth.read(q, 1)[rank - 1],
  }
}

/** An evenly spread sample, as a collection takes it. */
export function sampleOf(base) {
  const count = Math.min(SAMPLE, base.count)
  const sample = new Float32Array(count * base.dimension)
  for (let i = 0; i < count; i++) base.read(Math.floor((i * base.count) / count), 1, sample, i)
  return sample
}
