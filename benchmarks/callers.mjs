// Callers who search, and how many searches they get.
import { setTimeout as sleep } from 'node:timers/promises'

const windowMs = 250

/**
 * Searches a second of so many callers, who begin no search once the seconds are over.
 *
 * @param search is given the number of the search, from 0 on
 */
export async function rateOf(callers, seconds, search) {
  let searches = 0
  const start = performance.now()
  const until = start + 1000 * seconds
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (performance.now() < until) await search(searches++)
    }),
  )
  return (1000 * searches) / (performance.now() - start)
}

/**
 * So many callers, who search until they are stopped: each as fast as it can, or `perSecond` in all.
 *
 * @param search is given the number of the search, from 0 on
 */
export function startCallers(count, search, perSecond = 0) {
  let [begun, ended, searching] = [0, 0, true]
  let waits = []
  let dueAt = performance.now()

  /** When the next search is due: at once, or as the rate has it. */
  async function due() {
    if (perSecond === 0) return performance.now()
    dueAt = Math.max(dueAt + 1000 / perSecond, performance.now() - 100)
    const at = dueAt
    const early = at - performance.now()
    if (early > 0) await sleep(early)
    return at
  }

  const callers = Array.from({ length: count }, async () => {
    while (searching) {
      const start = await due()
      await search(begun++)
      waits.push(performance.now() - start)
      ended++
    }
  })

  /** Searches a second and milliseconds of waiting while `work` goes on; windows are of a quarter of a second. */
  async function during(work) {
    waits = []
    const windows = []
    let over = false
    const watch = async () => {
      while (!over) {
        const [before, start] = [ended, performance.now()]
        await sleep(windowMs)
        windows.push((1000 * (ended - before)) / (performance.now() - start))
      }
    }
    const watching = watch()
    const [before, start] = [ended, performance.now()]
    await work()
    const seconds = (performance.now() - start) / 1000
    const mean = (ended - before) / seconds
    over = true
    await watching
    const rates = Float64Array.from(windows).sort()
    const waited = Float64Array.from(waits).sort()
    return {
      seconds,
      mean,
      slowest: rates[0],
      slowestTwentieth: quantile(rates, 0.05),
      waitP99: quantile(waited, 0.99),
      waitLongest: waited.at(-1),
    }
  }

  async function stop() {
    searching = false
    await Promise.all(callers)
  }

  return { during, stop }
}

const quantile = (sorted, share) => sorted[Math.floor(share * (sorted.length - 1))]
