// Reads without end, until the thread is ended from outside. Says when reads are under way.
import { parentPort, workerData } from 'node:worker_threads'
import { mmapStorage } from '@annulus/storage-mmap'

const factory = mmapStorage({ segmentBytesMax: 65536, threads: 4 }) // seven segments
const storage = await factory.open({ path: workerData.path, dimension: 256 })
if (storage.slots === 0) await storage.write(0, new Float32Array(256 * 400).fill(0.5))
const slots = Uint32Array.from({ length: 4000 }, (_, i) => (i * 7919) % 400)
const query = new Float32Array(256).fill(1)

async function lane(method) {
  for (;;) {
    await (method === 'read' ? storage.read(slots) : storage.score(query, slots, 'dot'))
    parentPort.postMessage('reading')
  }
}
for (const method of ['read', 'score', 'read', 'score']) void lane(method)
