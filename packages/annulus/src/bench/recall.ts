import type { Collection, PointId } from '@annulus/core'

/** Ids of the exact nearest `limit` points of each query, found by reading every vector. */
export async function exactNeighbours(
  collection: Collection,
  queries: readonly Float32Array[],
  limit: number,
  onProgress?: (done: number) => void,
): Promise<PointId[][]> {
  const truth: PointId[][] = []
  for (const query of queries) {
    const hits = await collection.search(query, { limit, exact: true, withPayload: false })
    truth.push(hits.map((hit) => hit.id))
    onProgress?.(truth.length)
  }
  return truth
}

/** Mean share of the true neighbours among the found ones (recall@k, k = the length of each truth). */
export function recall(
  found: readonly (readonly PointId[])[],
  truth: readonly (readonly PointId[])[],
): number {
  let sum = 0
  for (const [index, expected] of truth.entries()) {
    const ids = new Set(found[index])
    sum += expected.filter((id) => ids.has(id)).length / Math.max(1, expected.length)
  }
  return truth.length === 0 ? Number.NaN : sum / truth.length
}
