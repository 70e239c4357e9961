import lancedb from '@lancedb/lancedb'
import * as arrow from 'apache-arrow'

export function lancedbPeer(settings) {
  return {
    name: 'lancedb ivf_hnsw_sq',
    blocks: false,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches }) {
      const database = await lancedb.connect(path)
      const schema = new arrow.Schema([
        new arrow.Field('id', new arrow.Int32()),
        new arrow.Field(
          'vector',
          new arrow.FixedSizeList(dimension, new arrow.Field('item', new arrow.Float32())),
        ),
      ])
      this.table = await database.createEmptyTable('peer', schema)
      for await (const { first, vectors } of batches) {
        await this.table.add(vectors.map((vector, i) => ({ id: first + i, vector })))
      }
      this.metric = { cosine: 'cosine', euclidean: 'l2', dot: 'dot' }[metric]
      await this.table.createIndex('vector', {
        config: lancedb.Index.hnswSq({
          distanceType: this.metric,
          numPartitions: 1,
          m,
          efConstruction: efConstruct,
        }),
      })
    },
    async search(query, limit, { ef, refine }) {
      let search = this.table
        .vectorSearch(query)
        .distanceType(this.metric)
        .limit(limit)
        .ef(ef)
        .nprobes(1)
      if (refine) search = search.refineFactor(2)
      const rows = await search.select(['id', '_distance']).toArray()
      return rows.map((row) => row.id)
    },
    async close() {},
  }
}
