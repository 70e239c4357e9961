// hnswlib-node: an index in memory, searched on the calling thread. A filter is a function asked about every label,
// here a look into a bitmap that is made before the clock starts.
import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { HierarchicalNSW } = createRequire(import.meta.url)('hnswlib-node')

export function hnswlibPeer(settings) {
  return {
    name: 'hnswlib-node',
    blocks: true,
    settings,
    async build({ path, dimension, metric, m, efConstruct, count, batches }) {
      this.create({ dimension, metric })
      this.index.initIndex({ maxElements: count, m, efConstruction: efConstruct })
      for await (const { first, vectors } of batches) {
        for (const [i, vector] of vectors.entries())
          this.index.addPoint(Array.from(vector), first + i)
      }
      this.path = path
    },
    create({ dimension, metric }) {
      this.index = new HierarchicalNSW(
        { cosine: 'cosine', euclidean: 'l2', dot: 'ip' }[metric],
        dimension,
      )
    },
    async keep() {
      await mkdir(this.path, { recursive: true })
      this.index.writeIndexSync(join(this.path, 'index'))
    },
    open({ path, dimension, metric }) {
      this.create({ dimension, metric })
      this.index.readIndexSync(join(path, 'index'))
    },
    filter({ field, values }, rows) {
      const wanted = new Set(values)
      const allowed = Uint8Array.from(rows[field], (value) => (wanted.has(value) ? 1 : 0))
      return (label) => allowed[label] === 1
    },
    search(query, limit, { ef }, filter) {
      if (this.ef !== ef) {
        this.ef = ef
        this.index.setEf(ef)
      }
      return this.index.searchKnn(Array.from(query), limit, filter).neighbors
    },
    async close() {},
  }
}
