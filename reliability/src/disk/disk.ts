// A directory mounted as a disk that loses its power and fails on command. The program that mounts it
// is not a part of this repository; what it must understand is in the README.
import { execFile } from 'node:child_process'
import { mkdir, rmdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const attemptsMax = 200
const attemptMs = 50

export class Disk {
  /** Where it is mounted. */
  readonly path: string
  readonly #program: string

  private constructor(program: string, path: string) {
    this.#program = program
    this.path = path
  }

  /** Mounts `backing`, which holds what is durable, as `${backing}.disk`. */
  static async mount(program: string, backing: string, options: readonly string[]): Promise<Disk> {
    const disk = new Disk(program, `${backing}.disk`)
    await mkdir(backing, { recursive: true })
    await mkdir(disk.path, { recursive: true })
    await run(program, [backing, disk.path, 'powerloss=on', ...options])
    return disk
  }

  /** Everything that was not synced is lost, or of each sector and name either or; every call fails. */
  async cut(tornSeed?: number): Promise<void> {
    await this.#control('cut', ...(tornSeed === undefined ? [] : ['torn', `seed=${tornSeed}`]))
  }

  /** From now on such calls fail. */
  async fault(...words: readonly string[]): Promise<void> {
    await this.#control('fault', ...words)
  }

  /** No call fails any more. Returns how many did since the last time. */
  async heal(): Promise<number> {
    const faults = /\bfaults=(\d+)/.exec(await this.#control('stats', 'reset'))?.[1]
    await this.#control('clear')
    return Number(faults)
  }

  /** The rings of a killed process keep its files open for a moment. */
  async unmount(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#control('quit')
        break
      } catch (error) {
        if (attempt === attemptsMax) throw error
        await pause(attemptMs)
      }
    }
    await rmdir(this.path)
  }

  async #control(...words: readonly string[]): Promise<string> {
    const { stdout } = await run(this.#program, ['ctl', `${this.path}.ctl`, ...words])
    return stdout
  }
}
