// A single short search keeps the event loop from sleeping, for a moment, and nothing else.
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { memoryStorage } from '@annulus/storage'
import { describe, expect, it } from 'vitest'
import type { Collection } from '../src/index.js'
import { directory, openHere, random } from './world.js'

const dimension = 64

async function filled(): Promise<Collection> {
  const database = await openHere(await directory(), memoryStorage())
  const collection = await database.collection('c', { dimension })
  const next = random(5)
  const vectors = Array.from({ length: 2_000 }, () =>
    Float32Array.from({ length: dimension }, next),
  )
  await collection.upsert(vectors.map((vector, id) => ({ id, vector })))
  await collection.waitForIndex()
  return collection
}

/** How often the event loop has turned; undefined where Node does not count that (before 20.18). */
function loopCount(): number | undefined {
  const timing: { uvMetricsInfo?: { loopCount: number } } = performance.nodeTiming
  return timing.uvMetricsInfo?.loopCount
}

/** How often the event loop turned while `work` went on. */
async function turns(work: () => Promise<unknown>): Promise<number> {
  const before = loopCount() ?? 0
  await work()
  return (loopCount() ?? 0) - before
}

async function searchTimes(collection: Collection, times: number): Promise<void> {
  const query = Float32Array.from({ length: dimension }, random(6))
  for (let i = 0; i < times; i++) await collection.search(query, { rescore: false })
}

const counts = loopCount() !== undefined
const several = availableParallelism() > 1

describe('the event loop', () => {
  it.runIf(counts && several)('turns while it waits for a search', async () => {
    const collection = await filled()
    await searchTimes(collection, 100)
    expect(await turns(() => searchTimes(collection, 500))).toBeGreaterThan(500 * 3)
  })

  it.runIf(counts)('sleeps again once searches have ended', async () => {
    const collection = await filled()
    await searchTimes(collection, 100)
    expect(await turns(() => delay(20))).toBeLessThan(50)
  })

  it('serves timers and immediates in the meantime', async () => {
    const collection = await filled()
    let immediates = 0
    let timers = 0
    const interval = setInterval(() => timers++, 1)
    const again = () => {
      immediates++
      if (timers < 5) setImmediate(again)
    }
    again()
    while (timers < 5) await searchTimes(collection, 10)
    clearInterval(interval)
    expect(immediates).toBeGreaterThan(5)
  })
})
