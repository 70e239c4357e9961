import type { CollectionParts } from './collection-parts.js'
import type { CollectionStats, SearchCounters } from './stats.js'

export function collectionStats(parts: CollectionParts, searches: SearchCounters): CollectionStats {
  const { config, table, indexer, payloads, filters, writer, storage } = parts
  const { current } = indexer
  return {
    name: config.name,
    points: table.live.size,
    slots: table.slots,
    freeSlots: table.free,
    memory: {
      codes: current?.codes.bytes ?? 0,
      graph: current?.graph?.stats().bytes ?? 0,
      slots: table.bytes,
      payloads: payloads.bytes,
      filters: filters.bytes,
      budget: parts.budget.bytes,
      needed: parts.budget.needed(table.slots, current).total,
    },
    storage: storage.stats(),
    index: {
      state: indexer.state,
      ...indexer.codes,
      settings: current?.choice?.settings,
      encoded: current?.encoded ?? 0,
      loaded: current?.codes.loaded ?? current?.codes.slots ?? 0,
      linked: current?.linked ?? 0,
      backlog: indexer.backlog,
    },
    calibration: current?.calibration,
    searches: { ...searches, readsPerSearch: searches.reads / Math.max(1, searches.count) },
    payloadCache: { hits: payloads.hits, misses: payloads.misses },
    writes: { commits: writer.commits, queued: writer.queued, sequence: writer.sequence },
  }
}
