// When a write is acknowledged. In every mode LMDB is written in synced transactions only, and after
// the vectors they name, so that a crash leaves some earlier state and never a mixture.
import { type Durability, invalid } from './options.js'

/** Milliseconds after which `batched` begins to make a write durable. */
export const batchedMs = 100

const durabilities: readonly Durability[] = ['sync', 'batched', 'none']

export function parseDurability(value: unknown): Durability {
  const found = durabilities.find((each) => each === value)
  if (found !== undefined) return found
  throw invalid(
    `durability must be one of ${durabilities.join(', ')}, not ${String(value)}`,
    'durability',
  )
}
