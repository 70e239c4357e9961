// Searches without end in a worker thread, which is ended from outside. Says when searches are under way.
import { parentPort, workerData } from 'node:worker_threads'
import { open, storageByName } from 'annulus'

const { path, backend, dimension } = workerData
const database = await open(path, { storage: storageByName(backend), readOnly: true })
const collection = await database.collection('c')

async function lane(number) {
  for (let turn = number; ; turn += 7) {
    const query = Float32Array.from({ length: dimension }, (_, i) => Math.sin((turn + 1) * (i + 1)))
    // Some by the codes and the graph, some by reading every vector.
    await collection.search(query, { limit: 20, exact: turn % 3 === 0 })
    parentPort.postMessage('searching')
  }
}
for (let number = 0; number < 8; number++) void lane(number)
