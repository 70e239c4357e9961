// Points that can be recognised: everything about one follows from its id and its version.
import type { Point, PointId, PointInput } from '@annulus/core'
import { randomFrom } from './random.js'

/** What points of a collection are like. */
export interface Shape {
  readonly dimension: number
  /** Their numbers are below. */
  readonly numbersMax: number
}

export const small: Shape = { dimension: 8, numbersMax: 160 }
/** So many, and with codes so long, that scans make sketches of them. */
export const large: Shape = { dimension: 128, numbersMax: 3_000 }

export interface Payload {
  version: number
  color: string
}

export const colors = ['red', 'green', 'blue'] as const

/** Half of the ids are numbers, half are strings. */
export function idOf(number: number): PointId {
  return number % 2 === 0 ? number : `p${number}`
}

export function numberOf(id: PointId): number {
  return typeof id === 'number' ? id : Number(id.slice(1))
}

/** Some are longer than others, so that not all are equally far away from each other. */
export function vectorOf(
  number: number,
  version: number,
  dimension = small.dimension,
): Float32Array {
  const random = randomFrom(number * 7919 + version)
  const length = 1 + (number % 4)
  return Float32Array.from({ length: dimension }, () => Math.fround(random() * 2 - 1) * length)
}

export function colorOf(version: number): string {
  return colors[version % colors.length] ?? 'red'
}

export function pointOf(
  number: number,
  version: number,
  dimension = small.dimension,
): PointInput<Payload> {
  const payload = { version, color: colorOf(version) }
  return { id: idOf(number), vector: vectorOf(number, version, dimension), payload }
}

/** The version of a point read back; undefined when anything in it is not as it was written. */
export function versionOf(point: Point<Payload>, dimension: number): number | undefined {
  const version = point.payload?.version
  if (version === undefined || point.payload?.color !== colorOf(version)) return undefined
  if (point.vector?.length !== dimension) return undefined
  const expected = vectorOf(numberOf(point.id), version, dimension)
  return expected.every((value, i) => value === point.vector?.[i]) ? version : undefined
}
