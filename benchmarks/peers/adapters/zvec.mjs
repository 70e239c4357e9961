import zvec from '@zvec/zvec'

const metrics = {
  cosine: zvec.ZVecMetricType.COSINE,
  euclidean: zvec.ZVecMetricType.L2,
  dot: zvec.ZVecMetricType.IP,
}

/** zvec: kind is hnsw, hnsw_int8, hnsw_rabitq or diskann; refine rescores with the float32 vectors. */
export function zvecPeer(kind, settings) {
  return {
    name: `zvec ${kind}`,
    blocks: false,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches, rows = {} }) {
      zvec.ZVecInitialize({
        queryThreads: 2,
        optimizeThreads: 2,
        logLevel: zvec.ZVecLogLevel.ERROR,
      })
      const type = {
        hnsw: 'HNSW',
        hnsw_int8: 'HNSW',
        hnsw_rabitq: 'HNSW_RABITQ',
        diskann: 'DISKANN',
      }[kind]
      const indexParams =
        kind === 'diskann'
          ? {
              indexType: zvec.ZVecIndexType.DISKANN,
              metricType: metrics[metric],
              maxDegree: 64,
              listSize: 100,
            }
          : {
              indexType: zvec.ZVecIndexType[type],
              metricType: metrics[metric],
              m: 2 * m,
              efConstruction: efConstruct,
              ...(kind === 'hnsw_int8' ? { quantizeType: zvec.ZVecQuantizeType.INT8 } : {}),
            }
      const schema = new zvec.ZVecCollectionSchema({
        name: 'peer',
        vectors: [
          { name: 'vector', dataType: zvec.ZVecDataType.VECTOR_FP32, dimension, indexParams },
        ],
        fields: [
          { name: 'row', dataType: zvec.ZVecDataType.INT64 },
          ...Object.keys(rows).map((name) => ({
            name,
            dataType: zvec.ZVecDataType.INT64,
            indexParams: { indexType: zvec.ZVecIndexType.INVERT },
          })),
        ],
      })
      this.collection = zvec.ZVecCreateAndOpen(path, schema)
      const names = Object.keys(rows)
      for await (const { first, vectors } of batches) {
        this.collection.insertSync(
          vectors.map((vector, i) => ({
            id: String(first + i),
            vectors: { vector },
            fields: {
              row: first + i,
              ...Object.fromEntries(names.map((name) => [name, rows[name][first + i]])),
            },
          })),
        )
      }
      await this.collection.optimize({ concurrency: 2 })
    },
    open({ path }) {
      zvec.ZVecInitialize({ queryThreads: 2, logLevel: zvec.ZVecLogLevel.ERROR })
      this.collection = zvec.ZVecOpen(path)
    },
    filter({ field, values }) {
      return values.length === 1 ? `${field} = ${values[0]}` : `${field} in (${values.join(', ')})`
    },
    async search(query, limit, { ef, refine }, filter) {
      const indexType =
        kind === 'diskann'
          ? zvec.ZVecIndexType.DISKANN
          : kind === 'hnsw_rabitq'
            ? zvec.ZVecIndexType.HNSW_RABITQ
            : zvec.ZVecIndexType.HNSW
      const params =
        kind === 'diskann'
          ? { indexType, listSize: ef }
          : { indexType, ef, ...(refine ? { isUsingRefiner: true } : {}) }
      const docs = await this.collection.query({
        fieldName: 'vector',
        vector: query,
        topk: limit,
        params,
        outputFields: [],
        ...(filter === undefined ? {} : { filter }),
      })
      return docs.map((doc) => Number(doc.id))
    },
    async close() {
      this.collection.closeSync()
    },
  }
}
