import type { Worker } from 'node:worker_threads'

/**
 * Ends a worker thread with whatever it has in flight, once it has sent so many messages. For tests of backends
 * with native parts: a worker that reads without end, and says so, must take nothing else along.
 * Rejects when the worker ends by itself.
 */
export async function endWhileBusy(worker: Worker, messages: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let left = messages
    worker.on('message', () => {
      if (--left === 0) resolve()
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the worker ended by itself with ${code}`)))
  })
  worker.removeAllListeners('exit')
  await worker.terminate()
}
