// The process that is killed: opens, reports what it found, then writes until it dies.
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Collection } from '@annulus/core'
import { nodeFileOps } from '@annulus/storage'
import { filesForgetting } from '../disk/forgetting-files.js'
import { inspect } from '../inspect.js'
import { idOf, large, type Payload, pointOf, type Shape, small, vectorOf } from '../points.js'
import { type Random, randomFrom, under } from '../random.js'
import { searchMeanwhile } from '../searcher.js'
import { backendNamed, openSite, storageOf } from '../site.js'
import type { Message, Operation, Start } from './messages.js'

const inFlightMax = 3

function tell(message: Message): void {
  writeSync(1, `${JSON.stringify(message)}\n`)
}

class Worker {
  readonly #collection: Collection<Payload>
  readonly #start: Start
  readonly #shape: Shape
  readonly #random: Random
  #number = 0
  #version: number

  constructor(collection: Collection<Payload>, start: Start, shape: Shape, random: Random) {
    this.#collection = collection
    this.#start = start
    this.#shape = shape
    this.#random = random
    this.#version = start.version
  }

  async run(): Promise<void> {
    // In one life of two somebody searches all the time, in the others now and then.
    if (this.#random() < 0.5) return this.#work()
    const searcher = searchMeanwhile(this.#collection, (error) => {
      throw error
    })
    await this.#work()
    for (const text of await searcher.stop()) tell({ event: 'problem', text })
  }

  async #work(): Promise<void> {
    const inFlight = new Set<Promise<void>>()
    for (let i = 0; i < this.#start.operations; i++) {
      const work = this.#something().finally(() => inFlight.delete(work))
      inFlight.add(work)
      if (inFlight.size >= inFlightMax) await Promise.race(inFlight)
    }
    await Promise.all(inFlight)
  }

  async #something(): Promise<void> {
    const random = this.#random
    const dice = random()
    if (dice < 0.55) return this.#change(this.#upsert())
    if (dice < 0.75) return this.#change(this.#delete())
    if (dice < 0.85) return this.#stage('flush', () => this.#collection.flush())
    if (dice < 0.9) return this.#stage('optimize', () => this.#collection.optimize())
    const { dimension, numbersMax } = this.#shape
    await this.#collection.search(vectorOf(under(random, numbersMax), 1, dimension), { limit: 5 })
  }

  #upsert(): Operation {
    return { kind: 'upsert', numbers: this.#someNumbers(1 / 4), version: this.#version++ }
  }

  #delete(): Operation {
    return { kind: 'delete', numbers: this.#someNumbers(1 / 8) }
  }

  /** As much as such a part of all. */
  #someNumbers(part: number): number[] {
    const { numbersMax } = this.#shape
    const count = 1 + under(this.#random, numbersMax * part)
    const numbers = new Set<number>()
    while (numbers.size < count) numbers.add(under(this.#random, numbersMax))
    return [...numbers]
  }

  async #stage(name: string, work: () => Promise<void>): Promise<void> {
    tell({ event: 'stage', name })
    await work()
  }

  async #change(operation: Operation): Promise<void> {
    const number = this.#number++
    const { broken } = this.#start
    tell({ event: 'begin', number, operation })
    if (broken === 'acknowledges first') tell({ event: 'end', number })
    if (broken === 'splits batches') {
      for (const each of operation.numbers) await this.#apply({ ...operation, numbers: [each] })
    } else await this.#apply(operation)
    if (broken !== 'acknowledges first') tell({ event: 'end', number })
  }

  async #apply(operation: Operation): Promise<void> {
    if (operation.kind === 'delete') await this.#collection.delete(operation.numbers.map(idOf))
    else {
      const { numbers, version } = operation
      const points = numbers.map((each) => pointOf(each, version, this.#shape.dimension))
      await this.#collection.upsert(points)
    }
  }
}

async function live(start: Start): Promise<void> {
  const files = start.forgets === undefined ? nodeFileOps : filesForgetting(start.forgets)
  const random = randomFrom(start.seed)
  const shape = start.large ? large : small
  const { db, collection } = await openSite({
    path: start.path,
    storage: storageOf(backendNamed(start.backend), files, shape),
    files,
    shape,
    codesLater: random() < 0.5,
    onRebuilt: (text) => tell({ event: 'problem', text: `rebuilt ${text}` }),
  })
  tell({ event: 'opened' })
  const { points, problems } = await inspect(collection, start.seed % shape.numbersMax)
  tell({ event: 'state', points: [...points], problems })
  await new Worker(collection, start, shape, random).run()
  tell({ event: 'stage', name: 'close' })
  await db.close()
  tell({ event: 'closed' })
}

tell({ event: 'ready' })
const input = createInterface({ input: process.stdin })
const [line]: string[] = await once(input, 'line')
input.close()
try {
  await live(JSON.parse(line ?? ''))
} catch (error) {
  tell({ event: 'problem', text: error instanceof Error ? String(error.stack) : String(error) })
  process.exitCode = 1
}
process.stdin.destroy()
