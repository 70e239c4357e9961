// Looks at everything a collection says about itself and compares it with itself: points, counts,
// filters, exact and approximate searches.
import type { Collection, Hit, PointId } from '@annulus/core'
import { colorOf, colors, idOf, numberOf, type Payload, vectorOf, versionOf } from './points.js'

export interface Inspection {
  /** Version of each point by its number. */
  readonly points: ReadonlyMap<number, number>
  /** What contradicts itself; empty in a sound collection. */
  readonly problems: readonly string[]
}

const searchLimit = 10
const scoreSlack = 1e-4

export async function inspect(collection: Collection<Payload>, seed: number): Promise<Inspection> {
  const points = new Map<number, number>()
  const problems: string[] = []
  const expect = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem)
  }
  for await (const point of collection.points({ withVector: true })) {
    const number = numberOf(point.id)
    const version = versionOf(point, collection.dimension)
    expect(version !== undefined, `point ${point.id} is not what was written`)
    expect(!points.has(number), `point ${point.id} is there twice`)
    points.set(number, version ?? -1)
  }
  expect(collection.size === points.size, `size is ${collection.size}, not ${points.size}`)
  const found = await collection.get([...points.keys()].map(idOf))
  for (const [index, number] of [...points.keys()].entries()) {
    const version = found[index]?.payload?.version
    expect(version === points.get(number), `the point of id ${idOf(number)} has version ${version}`)
  }
  for (const color of colors) {
    const expected = [...points.values()].filter((version) => colorOf(version) === color).length
    const counted = await collection.count({ filter: { color } })
    expect(counted === expected, `${counted} points are ${color}, not ${expected}`)
  }
  await searches(collection, points, seed, expect)
  return { points, problems }
}

async function searches(
  collection: Collection<Payload>,
  points: ReadonlyMap<number, number>,
  seed: number,
  expect: (holds: boolean, problem: string) => void,
): Promise<void> {
  const query = vectorOf(seed, seed, collection.dimension)
  for (const color of [undefined, ...colors]) {
    const best = bestOf(points, query, color)
    for (const exact of [true, false]) {
      const filter = color === undefined ? {} : { filter: { color } }
      const hits = await collection.search(query, { limit: searchLimit, exact, ...filter })
      const problem = wrongIn(hits, points, query, exact ? best : undefined)
      expect(problem === undefined, `search ${color ?? ''} ${exact ? 'exact' : ''}: ${problem}`)
    }
  }
}

/** Distances to the points of a colour, nearest first. */
function bestOf(points: ReadonlyMap<number, number>, query: Float32Array, color?: string) {
  return [...points]
    .filter(([, version]) => color === undefined || colorOf(version) === color)
    .map(([number, version]) => distance(query, vectorOf(number, version, query.length)))
    .sort((a, b) => a - b)
    .slice(0, searchLimit)
}

/** What is wrong with the hits whatever the collection holds: each is there once, and scored as what its payload says it is. */
export function contradiction(
  hits: readonly Hit<Payload>[],
  query: Float32Array,
): string | undefined {
  const seen = new Set<PointId>()
  for (const { id, score, payload } of hits) {
    if (seen.has(id)) return `${id} is found twice`
    seen.add(id)
    if (payload?.version === undefined) return `${id} has no version`
    const expected = distance(query, vectorOf(numberOf(id), payload.version, query.length))
    if (Math.abs(expected - score) > scoreSlack) return `${id} has score ${score}, not ${expected}`
  }
  return undefined
}

/** What is wrong with the hits; `best` are the distances that must have been found. */
function wrongIn(
  hits: readonly Hit<Payload>[],
  points: ReadonlyMap<number, number>,
  query: Float32Array,
  best: readonly number[] | undefined,
): string | undefined {
  const alone = contradiction(hits, query)
  if (alone !== undefined) return alone
  for (const [rank, { id, score, payload }] of hits.entries()) {
    const version = points.get(numberOf(id))
    if (version === undefined) return `${id} is not there`
    if (payload?.version !== version) return `${id} has version ${payload?.version}`
    const due = best?.[rank] ?? Number.POSITIVE_INFINITY
    if (score > due + scoreSlack) return `rank ${rank} has score ${score}, not ${due}`
  }
  if (best === undefined || best.length === hits.length) return undefined
  return `${hits.length} hits, not ${best.length}`
}

function distance(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0))
}
