// Stores with the durability that each of them promises for a write that has returned. Every one is
// opened on an empty directory; `add` resolves when the store says that the rows are safe.
import { join } from 'node:path'
import { open } from 'annulus'

const annulus = (durability) => async (path, dimension) => {
  const db = await open(path, { durability })
  const collection = await db.collection('rows', { dimension })
  return {
    add: (first, vectors) =>
      collection.upsert(vectors.map((vector, i) => ({ id: first + i, vector }))),
    finish: () => db.flush(),
    close: () => db.close(),
  }
}

async function lancedb(path, dimension) {
  const { default: lance } = await import('@lancedb/lancedb')
  const arrow = await import('apache-arrow')
  const database = await lance.connect(path)
  const item = new arrow.Field('item', new arrow.Float32())
  const schema = new arrow.Schema([
    new arrow.Field('id', new arrow.Int32()),
    new arrow.Field('vector', new arrow.FixedSizeList(dimension, item)),
  ])
  const table = await database.createEmptyTable('rows', schema)
  return {
    add: (first, vectors) => table.add(vectors.map((vector, i) => ({ id: first + i, vector }))),
    close: async () => table.close(),
  }
}

/** sqlite-vec (flat) over SQLite's log, synced at every commit. */
async function sqliteVec(path, dimension) {
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(join(path, 'rows.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  ;(await import('sqlite-vec')).load(database)
  database.exec(`create virtual table rows using vec0(vector float[${dimension}])`)
  const insert = database.prepare('insert into rows(rowid, vector) values (?, ?)')
  const add = database.transaction((first, vectors) => {
    for (const [i, { buffer, byteOffset, byteLength }] of vectors.entries()) {
      insert.run(BigInt(first + i + 1), Buffer.from(buffer, byteOffset, byteLength))
    }
  })
  return { add: async (first, vectors) => add(first, vectors), close: async () => database.close() }
}

/** zvec has no call that syncs: its inserts return before anything is on disk. */
async function zvec(path, dimension) {
  const { default: z } = await import('@zvec/zvec')
  z.ZVecInitialize({ queryThreads: 2, logLevel: z.ZVecLogLevel.ERROR })
  const schema = new z.ZVecCollectionSchema({
    name: 'rows',
    vectors: [
      {
        name: 'vector',
        dataType: z.ZVecDataType.VECTOR_FP32,
        dimension,
        indexParams: { indexType: z.ZVecIndexType.HNSW, metricType: z.ZVecMetricType.COSINE },
      },
    ],
    fields: [{ name: 'row', dataType: z.ZVecDataType.INT64 }],
  })
  const collection = z.ZVecCreateAndOpen(join(path, 'rows'), schema)
  return {
    add: async (first, vectors) => {
      for (let from = 0; from < vectors.length; from += 1_000) {
        const some = vectors.slice(from, from + 1_000)
        collection.insertSync(
          some.map((vector, i) => ({
            id: String(first + from + i),
            vectors: { vector },
            fields: { row: first + from + i },
          })),
        )
      }
    },
    close: async () => collection.closeSync(),
  }
}

export const stores = {
  'annulus sync': annulus('sync'),
  'annulus batched': annulus('batched'),
  'annulus none': annulus('none'),
  lancedb,
  'sqlite-vec': sqliteVec,
  zvec,
}
