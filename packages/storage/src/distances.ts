import type { Metric } from '@annulus/native'

/** Ranking distances (see `Metric`) from the query to each of n × dimension floats. */
export function distances(
  metric: Metric,
  query: Float32Array,
  vectors: Float32Array,
): Float32Array {
  const dimension = query.length
  const out = new Float32Array(vectors.length / dimension)
  for (let i = 0; i < out.length; i++) {
    out[i] = distance(metric, query, vectors.subarray(i * dimension, (i + 1) * dimension))
  }
  return out
}

function distance(metric: Metric, query: Float32Array, vector: Float32Array): number {
  let dot = 0
  let squares = 0
  let querySquares = 0
  let euclidean = 0
  let manhattan = 0
  for (let i = 0; i < query.length; i++) {
    const a = query[i] as number
    const b = vector[i] as number
    dot += a * b
    squares += b * b
    querySquares += a * a
    euclidean += (a - b) ** 2
    manhattan += Math.abs(a - b)
  }
  if (metric === 'cosine') return -dot / Math.sqrt(squares * querySquares)
  if (metric === 'dot') return -dot
  return metric === 'euclidean' ? euclidean : manhattan
}
