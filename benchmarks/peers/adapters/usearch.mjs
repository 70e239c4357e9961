// usearch: an index in memory, searched on the calling thread. Its Node binding has no filters.
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { Index, MetricKind, ScalarKind } = createRequire(import.meta.url)('usearch')

export function usearchPeer(quantization, settings) {
  return {
    name: `usearch ${quantization}`,
    blocks: true,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches }) {
      this.create({ dimension, metric, m, efConstruct })
      for await (const { first, vectors } of batches) {
        const flat = new Float32Array(vectors.length * dimension)
        for (const [i, vector] of vectors.entries()) flat.set(vector, i * dimension)
        this.index.add(
          BigUint64Array.from(vectors, (_, i) => BigInt(first + i)),
          flat,
          2,
        )
      }
      this.path = path
    },
    create({ dimension, metric, m, efConstruct }) {
      this.index = new Index({
        dimensions: dimension,
        metric: { cosine: MetricKind.Cos, euclidean: MetricKind.L2sq, dot: MetricKind.IP }[metric],
        quantization: quantization === 'i8' ? ScalarKind.I8 : ScalarKind.F32,
        connectivity: m,
        expansion_add: efConstruct,
        expansion_search: 64,
        multi: false,
      })
    },
    async keep() {
      await mkdir(this.path, { recursive: true })
      this.index.save(join(this.path, 'index'))
    },
    open({ path, ...options }) {
      this.create(options)
      this.index.load(join(path, 'index'))
    },
    search(query, limit, { ef }) {
      if (this.ef !== ef) {
        this.ef = ef
        this.index.changeExpansionSearch?.(ef)
      }
      return Array.from(this.index.search(query, limit, 1).keys, Number)
    },
    async close() {},
  }
}
