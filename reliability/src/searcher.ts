// Someone who searches all the time while others write: only then are points linked before they are
// visible, and what is removed repaired before more is. Of many points some searches scan codes, by
// sketches.
import type { Collection, SearchOptions } from '@annulus/core'
import { contradiction } from './inspect.js'
import { colors, type Payload, vectorOf } from './points.js'

export interface Searcher {
  /** Resolves after the last search, to what was wrong with any. */
  stop(): Promise<readonly string[]>
}

/** So wide a beam is asked for that to look at the code of every point that matches is less work. */
const scanning = {
  limit: 20,
  ef: 300,
  filter: { color: { in: colors } },
} satisfies SearchOptions<Payload>

/** @param onError what becomes of a search that fails; it throws, unless such a failure is to be expected */
export function searchMeanwhile(
  collection: Collection<Payload>,
  onError: (error: unknown) => void,
): Searcher {
  const problems: string[] = []
  let searching = true
  const searches = (async () => {
    for (let number = 0; searching; number++) {
      const query = vectorOf(number, 1, collection.dimension)
      try {
        const hits = await collection.search(query, number % 4 === 0 ? scanning : { limit: 20 })
        const wrong = contradiction(hits, query)
        if (wrong !== undefined) problems.push(`a search while others write: ${wrong}`)
      } catch (error) {
        onError(error)
      }
      // What is answered at once, as by an empty collection, would let nobody else go on.
      await new Promise(setImmediate)
    }
  })()
  return {
    async stop() {
      searching = false
      await searches
      return problems
    },
  }
}
