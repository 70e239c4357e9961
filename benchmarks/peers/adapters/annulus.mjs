import { open, scalar, storageByName } from 'annulus'

/** Ourselves, through the public interface: durable, ids returned, nothing on the event loop. */
export function annulusPeer(backend, settings, quantization = () => scalar()) {
  return {
    name: `annulus ${backend}`,
    blocks: false,
    settings,
    async build({ path, dimension, metric, m, efConstruct, batches }) {
      this.database = await open(path, { storage: storageByName(backend) })
      this.collection = await this.database.collection('peer', {
        dimension,
        metric,
        quantization: quantization(),
        hnsw: { m, efConstruct },
      })
      for await (const { first, vectors } of batches) {
        await this.collection.upsert(vectors.map((vector, i) => ({ id: first + i, vector })))
      }
      await this.collection.waitForIndex()
    },
    async open({ path }) {
      this.database = await open(path, { storage: storageByName(backend) })
      this.collection = await this.database.collection('peer')
    },
    async search(query, limit, { ef, oversampling = 2, rescore = true }) {
      const hits = await this.collection.search(query, {
        limit,
        ef,
        oversampling,
        rescore,
        withPayload: false,
      })
      return hits.map((hit) => hit.id)
    },
    async close() {
      await this.database.close()
    },
  }
}
