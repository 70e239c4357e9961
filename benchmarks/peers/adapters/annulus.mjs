import { open, scalar, storageByName } from 'annulus'

/** Ourselves, through the public interface: durable, ids returned, nothing on the event loop. */
export function annulusPeer(backend, settings, quantization = () => scalar()) {
  return {
    name: `annulus ${backend}`,
    blocks: false,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches, rows }) {
      this.database = await open(path, { storage: storageByName(backend) })
      const names = Object.keys(rows ?? {})
      this.collection = await this.database.collection('peer', {
        dimension,
        metric,
        quantization: quantization(),
        hnsw: { m, efConstruct },
        indexedFields: names,
      })
      for await (const { first, vectors } of batches) {
        await this.collection.upsert(
          vectors.map((vector, i) => {
            const id = first + i
            if (names.length === 0) return { id, vector }
            const payload = Object.fromEntries(names.map((name) => [name, rows[name][id]]))
            return { id, vector, payload }
          }),
        )
      }
      await this.collection.waitForIndex()
    },
    async open({ path }) {
      this.database = await open(path, { storage: storageByName(backend) })
      const [{ name }] = this.database.collections()
      this.collection = await this.database.collection(name)
    },
    /** Large codes are read after the first searches. */
    async settled() {
      await this.collection.waitForIndex()
    },
    filter({ field, values }) {
      return { [field]: { in: values } }
    },
    /** Bytes of memory by part, as the collection counts them. */
    memory() {
      return this.collection.stats().memory
    },
    async search(query, limit, { ef, oversampling = 2, rescore = true }, filter) {
      const hits = await this.collection.search(query, {
        limit,
        ef,
        oversampling,
        rescore,
        withPayload: false,
        ...(filter === undefined ? {} : { filter }),
      })
      return hits.map((hit) => hit.id)
    },
    async close() {
      await this.database.close()
    },
  }
}
