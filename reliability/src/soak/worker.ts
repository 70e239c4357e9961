// The process of the soak that lives through: searches, writes, reopens, and reports what it uses.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { inspect } from '../inspect.js'
import { colors, idOf, pointOf, vectorOf } from '../points.js'
import { type Random, randomFrom, under } from '../random.js'
import { backendNamed, openSite, type Site, storageOf } from '../site.js'

export interface SoakStart {
  readonly path: string
  readonly backend: string
  readonly seconds: number
  readonly seed: number
}

/** Of one life of the database, between two openings. */
export interface SoakSample {
  readonly seconds: number
  readonly rssMiB: number
  readonly heapMiB: number
  /** Descriptors and threads while the database is closed. */
  readonly descriptors: number
  readonly threads: number
  readonly searches: number
  readonly writes: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly problems: readonly string[]
}

const numbersMax = 2_000
const lifeMs = 20_000
const tickMs = 25
/** Slots are kept for ever, so a collection that was written to for long is replaced by a new one. */
const livesPerCollection = 15

class Soak {
  readonly #start: SoakStart
  readonly #random: Random
  readonly #began = performance.now()
  readonly #expected = new Map<number, number>()
  #version = 0
  #latencies: number[] = []
  #writes = 0
  #lives = 0

  constructor(start: SoakStart) {
    this.#start = start
    this.#random = randomFrom(start.seed)
  }

  async run(report: (sample: SoakSample) => void): Promise<void> {
    while (this.#seconds() < this.#start.seconds) report(await this.#life())
  }

  #seconds(): number {
    return (performance.now() - this.#began) / 1_000
  }

  async #life(): Promise<SoakSample> {
    const problems: string[] = []
    const storage = storageOf(backendNamed(this.#start.backend))
    const onRebuilt = (reason: string) => problems.push(reason)
    const site = await openSite({ path: join(this.#start.path, 'db'), storage, onRebuilt })
    const found = await inspect(site.collection, this.#lives)
    problems.push(...found.problems, ...this.#differences(found.points))
    this.#latencies = []
    this.#writes = 0
    const until = performance.now() + lifeMs
    for (let tick = 0; performance.now() < until; tick++) {
      const due = performance.now() + tickMs
      await this.#tick(site, tick)
      await pause(Math.max(0, due - performance.now()))
    }
    if (++this.#lives % livesPerCollection === 0) {
      await site.db.dropCollection('points')
      this.#expected.clear()
    }
    await site.db.close()
    return this.#sample(problems)
  }

  async #tick({ collection }: Site, tick: number): Promise<void> {
    const random = this.#random
    if (tick % 4 === 0) {
      const numbers = Array.from({ length: 8 }, () => under(random, numbersMax))
      const unique = [...new Set(numbers)]
      const version = this.#version++
      await collection.upsert(unique.map((number) => pointOf(number, version)))
      for (const number of unique) this.#expected.set(number, version)
      this.#writes++
    }
    if (tick % 16 === 1) {
      const number = under(random, numbersMax)
      await collection.delete(idOf(number))
      this.#expected.delete(number)
      this.#writes++
    }
    if (tick % 200 === 100) await collection.flush()
    if (tick % 400 === 300) await collection.optimize()
    await Promise.all(Array.from({ length: 3 }, () => this.#search({ collection })))
  }

  async #search({ collection }: Pick<Site, 'collection'>): Promise<void> {
    const random = this.#random
    const query = vectorOf(under(random, 1_000_000), 0)
    const color = colors[under(random, 6)]
    const began = performance.now()
    await collection.search(query, {
      limit: 10,
      ...(color && { filter: { color } }),
      exact: random() < 0.1,
    })
    this.#latencies.push(performance.now() - began)
  }

  #differences(points: ReadonlyMap<number, number>): string[] {
    const wrong = [...this.#expected].filter(([number, version]) => points.get(number) !== version)
    const extra = [...points.keys()].filter((number) => !this.#expected.has(number))
    if (wrong.length + extra.length === 0) return []
    return [`${wrong.length} points are not as written, ${extra.length} should not be there`]
  }

  #sample(problems: readonly string[]): SoakSample {
    const sorted = this.#latencies.sort((a, b) => a - b)
    const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
    const { rss, heapUsed } = process.memoryUsage()
    return {
      seconds: this.#seconds(),
      rssMiB: rss / 2 ** 20,
      heapMiB: heapUsed / 2 ** 20,
      descriptors: entries('/proc/self/fd'),
      threads: entries('/proc/self/task'),
      searches: sorted.length,
      writes: this.#writes,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      problems,
    }
  }
}

/** How many a process has, where the system tells. */
function entries(directory: string): number {
  try {
    return readdirSync(directory).length
  } catch {
    return 0
  }
}

process.once('message', (start: SoakStart) => {
  const running = new Soak(start).run((sample) => process.send?.(sample))
  running.then(
    () => process.disconnect(),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(1)
    },
  )
})
