// Peers that search on the calling thread.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export function hnswlibPeer(settings) {
  const { HierarchicalNSW } = require('hnswlib-node')
  return {
    name: 'hnswlib-node',
    blocks: true,
    settings,
    async build({ dimension, metric, m, efConstruct, count, batches }) {
      this.index = new HierarchicalNSW(
        { cosine: 'cosine', euclidean: 'l2', dot: 'ip' }[metric],
        dimension,
      )
      this.index.initIndex({ maxElements: count, m, efConstruction: efConstruct })
      for await (const { first, vectors } of batches) {
        for (const [i, vector] of vectors.entries())
          this.index.addPoint(Array.from(vector), first + i)
      }
    },
    search(query, limit, { ef }) {
      if (this.ef !== ef) {
        this.ef = ef
        this.index.setEf(ef)
      }
      return this.index.searchKnn(Array.from(query), limit).neighbors
    },
    async close() {},
  }
}

export function usearchPeer(quantization, settings) {
  const { Index, MetricKind, ScalarKind } = require('usearch')
  return {
    name: `usearch ${quantization}`,
    blocks: true,
    settings,
    async build({ dimension, metric, m, efConstruct, batches }) {
      this.index = new Index({
        dimensions: dimension,
        metric: { cosine: MetricKind.Cos, euclidean: MetricKind.L2sq, dot: MetricKind.IP }[metric],
        quantization: quantization === 'i8' ? ScalarKind.I8 : ScalarKind.F32,
        connectivity: m,
        expansion_add: efConstruct,
        expansion_search: 64,
        multi: false,
      })
      for await (const { first, vectors } of batches) {
        const flat = new Float32Array(vectors.length * dimension)
        for (const [i, vector] of vectors.entries()) flat.set(vector, i * dimension)
        this.index.add(
          BigUint64Array.from(vectors, (_, i) => BigInt(first + i)),
          flat,
          2,
        )
      }
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

export function vectorlitePeer(settings) {
  const Sqlite = require('better-sqlite3')
  const vectorlite = require('vectorlite')
  return {
    name: 'vectorlite',
    blocks: true,
    settings,
    async build({ dimension, metric, m, efConstruct, count, batches }) {
      this.database = new Sqlite(':memory:')
      this.database.loadExtension(vectorlite.vectorlitePath())
      const space = { cosine: 'cosine', euclidean: 'l2', dot: 'ip' }[metric]
      this.database.exec(
        `create virtual table peer using vectorlite(vector float32[${dimension}] ${space}, hnsw(max_elements=${count}, M=${m}, ef_construction=${efConstruct}))`,
      )
      const insert = this.database.prepare('insert into peer(rowid, vector) values (?, ?)')
      for await (const { first, vectors } of batches) {
        for (const [i, vector] of vectors.entries())
          insert.run(first + i, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength))
      }
      this.statement = this.database
        .prepare('select rowid from peer where knn_search(vector, knn_param(?, ?, ?))')
        .raw()
    },
    search(query, limit, { ef }) {
      const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength)
      return this.statement
        .all(bytes, BigInt(limit), BigInt(ef)) // better-sqlite3 binds numbers as floats
        .map((row) => row[0])
    },
    async close() {
      this.database.close()
    },
  }
}
