// A set as codes of one kind, and the nearest codes of its queries with their exact distances.
import { distances, pipelineSearch } from '@annulus/native'
import { binary, none, product, rotated, scalar } from '@annulus/quantization'
import { sampleOf } from './vector-set.mjs'

const BLOCK = 20_000
export const kinds = {
  none: () => none(),
  scalar: () => scalar(),
  rotated8: () => rotated({ bits: 8 }),
  rotated4: () => rotated({ bits: 4 }),
  rotated2: () => rotated({ bits: 2 }),
  rotated1: () => rotated({ bits: 1 }),
  binary: () => binary(),
  product4: () => product({ compression: 4 }),
  product8: () => product({ compression: 8 }),
  product16: () => product({ compression: 16 }),
  product32: () => product({ compression: 32 }),
  product64: () => product({ compression: 64 }),
}

/** Codes of the whole set, and the milliseconds that training and encoding took. */
export async function encode({ base, metric }, kind, pool) {
  if (kinds[kind] === undefined) throw new Error(`no kind ${kind}`)
  const sample = sampleOf(base)
  const started = performance.now()
  const codes = await kinds[kind]().train(sample, { dimension: base.dimension, metric, pool })
  const training = performance.now() - started
  let encoding = 0
  for (let first = 0; first < base.count; first += BLOCK) {
    const block = base.read(first, Math.min(BLOCK, base.count - first))
    const start = performance.now()
    await codes.encode(first, block)
    encoding += performance.now() - start
  }
  return { codes, training, encoding }
}

/**
 * The `count` nearest codes of query `q` by a scan over all, so that only the codes are judged and no graph; and how many
 * of the `limit` true neighbours each first part of them holds. One as near as the last counts: ties are no errors.
 */
export async function nearestCodes(set, codes, pool, q, count, limit) {
  const { metric, base } = set
  const query = set.query(q)
  const found = await pipelineSearch(pool, [{ source: codes.source() }], undefined, query, {
    metric,
    limit: Math.min(count, base.count),
    candidates: Math.min(count, base.count),
    ef: 1,
    rescore: 'bounded',
  })
  const vectors = new Float32Array(found.slots.length * base.dimension)
  for (const [i, slot] of found.slots.entries()) base.read(slot, 1, vectors, i)
  const exact = await distances(query, vectors, metric, { pool })
  const [reach] = await distances(query, base.read(set.neighbour(q, limit), 1), metric, { pool })
  const good = Array.from(exact, (distance) => distance <= reach)
  return { estimates: found.distances, below: found.below, above: found.above, exact, good }
}
