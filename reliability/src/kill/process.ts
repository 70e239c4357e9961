// One child process: started ahead of time, told when to begin, killed at a moment.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Message, Start } from './messages.js'

const program = fileURLToPath(new URL('../../dist/kill/child.js', import.meta.url))

/** When to kill: so long after the child was told to begin, or after it reported what it found. */
export interface Moment {
  readonly after: 'start' | 'state'
  readonly ms: number
}

export interface Ended {
  /** The signal that ended it, or undefined. */
  readonly signal: NodeJS.Signals | undefined
  readonly exitCode: number | undefined
}

export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #ready: Promise<void>
  readonly #ended: Promise<Ended>
  #onMessage: (message: Message) => void = () => {}

  constructor() {
    this.#process = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
    // A child that is dead already cannot be told anything; its end says why.
    this.#process.stdin.on('error', () => {})
    const lines = createInterface({ input: this.#process.stdout })
    this.#ready = new Promise((resolve) => {
      lines.on('line', (line) => {
        const message = parsed(line)
        if (message?.event === 'ready') resolve()
        else if (message !== undefined) this.#onMessage(message)
      })
    })
    const closed = once(lines, 'close')
    this.#ended = once(this.#process, 'exit').then(async ([code, signal]) => {
      await closed
      return { exitCode: code ?? undefined, signal: signal ?? undefined }
    })
  }

  /**
   * Lets the child begin and strikes at the moment given, unless it ends before. Resolves when it is
   * dead and everything it said was heard.
   *
   * @param strike what then happens; it must kill the child. Default: just that.
   */
  async live(
    start: Start,
    moment: Moment,
    onMessage: (message: Message) => void,
    strike: (kill: () => void) => Promise<void> = async (kill) => kill(),
  ): Promise<Ended> {
    let timer: NodeJS.Timeout | undefined
    let struck = Promise.resolve()
    const set = () => {
      timer = setTimeout(() => {
        struck = strike(() => this.#process.kill('SIGKILL'))
      }, moment.ms)
    }
    this.#onMessage = (message) => {
      onMessage(message)
      if (message.event === moment.after) set()
    }
    await Promise.race([this.#ready, this.#ended])
    this.#process.stdin.write(`${JSON.stringify(start)}\n`)
    if (moment.after === 'start') set()
    const ended = await this.#ended
    clearTimeout(timer)
    await struck
    return ended
  }

  async discard(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }
}

/** The last line of a killed child may be cut short. */
function parsed(line: string): Message | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
