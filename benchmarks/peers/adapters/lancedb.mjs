import lancedb from '@lancedb/lancedb'
import * as arrow from 'apache-arrow'

const metricOf = (metric) => ({ cosine: 'cosine', euclidean: 'l2', dot: 'dot' })[metric]

export function lancedbPeer(settings) {
  return {
    name: 'lancedb ivf_hnsw_sq',
    blocks: false,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches, rows = {} }) {
      const names = Object.keys(rows)
      const database = await lancedb.connect(path)
      const schema = new arrow.Schema([
        new arrow.Field('id', new arrow.Int32()),
        ...names.map((name) => new arrow.Field(name, new arrow.Int32())),
        new arrow.Field(
          'vector',
          new arrow.FixedSizeList(dimension, new arrow.Field('item', new arrow.Float32())),
        ),
      ])
      this.table = await database.createEmptyTable('peer', schema)
      for await (const { first, vectors } of batches) {
        await this.table.add(
          vectors.map((vector, i) => ({
            id: first + i,
            ...Object.fromEntries(names.map((name) => [name, rows[name][first + i]])),
            vector,
          })),
        )
      }
      this.metric = metricOf(metric)
      await this.table.createIndex('vector', {
        config: lancedb.Index.hnswSq({
          distanceType: this.metric,
          numPartitions: 1,
          m,
          efConstruction: efConstruct,
        }),
      })
      for (const name of names) {
        await this.table.createIndex(name, { config: lancedb.Index.bitmap() })
      }
    },
    async open({ path, metric }) {
      this.table = await (await lancedb.connect(path)).openTable('peer')
      this.metric = metricOf(metric)
    },
    filter({ field, values }) {
      return `${field} in (${values.join(', ')})`
    },
    async search(query, limit, { ef, refine }, filter) {
      let search = this.table
        .vectorSearch(query)
        .distanceType(this.metric)
        .limit(limit)
        .ef(ef)
        .nprobes(1)
      if (filter !== undefined) search = search.where(filter)
      if (refine) search = search.refineFactor(2)
      const rows = await search.select(['id', '_distance']).toArray()
      return rows.map((row) => row.id)
    },
    async close() {},
  }
}
