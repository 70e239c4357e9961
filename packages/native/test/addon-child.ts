// Starts JavaScript that has the built addon as `addon`, in a process or a worker thread of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Plain JavaScript, because Node itself does not read the TypeScript sources. */
const prelude = `
const root = ${JSON.stringify(root)}
const addon = require('node:module').createRequire(root + '/package.json')('node-gyp-build')(root)
addon.setErrorClass(class extends Error { constructor(code, message) { super(message); this.code = code } })
`

export function addonProcess(code: string, env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['-e', prelude + code], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

export function addonWorker(code: string, workerData?: unknown): Worker {
  const begin = `const { parentPort, workerData } = require('node:worker_threads')\n`
  return new Worker(begin + prelude + code, { eval: true, workerData })
}

/** Everything the process prints until it ends, and how it ended. */
export async function outcome(
  child: ChildProcess,
): Promise<{ output: string; code: number | null }> {
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { output, code }
}
