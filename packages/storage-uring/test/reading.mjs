// Reads without end in a worker thread or a process, which is ended with reads in flight.
import { isMainThread, parentPort } from 'node:worker_threads'
import { uringStorage } from '@annulus/storage-uring'

const [path, ending] = process.argv.slice(2)
const storage = await uringStorage().open({ path, dimension: 256 })
await storage.write(0, new Float32Array(256 * 400).fill(0.5))
const slots = Uint32Array.from({ length: 2000 }, (_, i) => (i * 7919) % 400)
const query = new Float32Array(256).fill(1)
let calls = 0
let reading = true

async function lane(method) {
  while (reading) {
    await (method === 'read' ? storage.read(slots) : storage.score(query, slots, 'dot'))
    calls++
    if (!isMainThread) parentPort.postMessage('reading')
  }
}

const lanes = ['read', 'score', 'read', 'score'].map(lane)

/** Signals to this process as fast as timers go; the handler interrupts whoever takes them. */
async function stormOfSignals() {
  process.on('SIGUSR2', () => {})
  const until = performance.now() + 1000
  while (performance.now() < until) {
    for (let i = 0; i < 50; i++) process.kill(process.pid, 'SIGUSR2')
    await new Promise(setImmediate)
  }
}

async function end() {
  while (calls < 20) await new Promise(setImmediate)
  if (ending === 'exit') process.exit(7)
  if (ending === 'throw') {
    setImmediate(() => {
      throw new Error('on purpose')
    })
    return
  }
  if (ending === 'signals') await stormOfSignals()
  reading = false
  await storage.close()
  await Promise.all(lanes)
}

if (isMainThread) await end()
