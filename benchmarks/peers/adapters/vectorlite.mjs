// vectorlite: hnswlib with Highway's kernels as a table of SQLite, searched on the calling thread. Its index lies in
// memory and is written to a file when the database is closed. A filter is a set of row ids, which a table beside
// it finds by an index.
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const Sqlite = require('better-sqlite3')
const vectorlite = require('vectorlite')

export function vectorlitePeer(settings) {
  return {
    name: 'vectorlite',
    blocks: true,
    settings,
    async build({ batches, ...options }) {
      this.open(options)
      const insert = this.database.prepare('insert into peer(rowid, vector) values (?, ?)')
      for await (const { first, vectors } of batches) {
        for (const [i, vector] of vectors.entries())
          insert.run(first + i, Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength))
      }
    },
    /** The fields of all rows, each with an index. */
    store(rows) {
      const names = Object.keys(rows)
      this.database.exec(`create table fields (row integer primary key, ${names.join(', ')})`)
      const insert = this.database.prepare(
        `insert into fields values (?, ${names.map(() => '?').join(', ')})`,
      )
      const all = this.database.transaction((count) => {
        for (let row = 0; row < count; row++)
          insert.run(row, ...names.map((name) => rows[name][row]))
      })
      all(rows[names[0]].length)
      for (const name of names) this.database.exec(`create index by_${name} on fields (${name})`)
    },
    open({ path, dimension, metric, m, efConstruct, count, rows }) {
      mkdirSync(path, { recursive: true })
      this.database = new Sqlite(':memory:')
      this.database.loadExtension(vectorlite.vectorlitePath())
      const space = { cosine: 'cosine', euclidean: 'l2', dot: 'ip' }[metric]
      this.database.exec(
        `create virtual table peer using vectorlite(vector float32[${dimension}] ${space}, hnsw(max_elements=${count}, M=${m}, ef_construction=${efConstruct}), '${join(path, 'index')}')`,
      )
      this.plain = this.prepare('')
      if (rows !== undefined) this.store(rows)
    },
    prepare(condition) {
      return this.database
        .prepare(`select rowid from peer where knn_search(vector, knn_param(?, ?, ?))${condition}`)
        .raw()
    },
    filter({ field, values }) {
      return this.prepare(
        ` and rowid in (select row from fields where ${field} in (${values.join(', ')}))`,
      )
    },
    search(query, limit, { ef }, filtered) {
      const bytes = Buffer.from(query.buffer, query.byteOffset, query.byteLength)
      return (filtered ?? this.plain)
        .all(bytes, BigInt(limit), BigInt(ef)) // better-sqlite3 binds numbers as floats
        .map((row) => row[0])
    },
    async close() {
      this.database.close()
    },
  }
}
