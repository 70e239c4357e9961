// Inserts, searches and saves without end, until the thread is ended from outside. Says when an
// insertion is under way.
import { parentPort, workerData } from 'node:worker_threads'
import { HnswIndex } from '@annulus/hnsw'
import { Pool } from '@annulus/native'
import { none } from '@annulus/quantization'

const { path, count } = workerData
const dimension = 32
const pool = new Pool(2)
const vectors = Float32Array.from({ length: count * dimension }, (_, i) => Math.sin(i * i * 0.001))
const codes = await none().train(vectors, { dimension, metric: 'euclidean', pool })
await codes.encode(0, vectors)
const slots = Uint32Array.from({ length: count }, (_, i) => i)

async function insert() {
  for (;;) {
    const index = HnswIndex.create({ pool, scorer: codes.scorer(), efConstruct: 200 })
    const insertion = index.insert(slots)
    while (index.size < 1000) await index.search(vectors.subarray(0, dimension))
    parentPort.postMessage('inserting')
    await Promise.all([insertion, index.save(path), index.check(), search(index)])
    await index.close()
  }
}

async function search(index) {
  while (index.size < count) await index.search(vectors.subarray(0, dimension), { k: 100 })
}

void insert()
