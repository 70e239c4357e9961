// Points that can be recognised: everything about one follows from its id and its version.
import type { Point, PointId, PointInput } from '@annulus/core'
import { randomFrom } from './random.js'

export const dimension = 8

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

export function vectorOf(number: number, version: number): Float32Array {
  const random = randomFrom(number * 7919 + version)
  return Float32Array.from({ length: dimension }, () => Math.fround(random() * 2 - 1))
}

export function colorOf(version: number): string {
  return colors[version % colors.length] ?? 'red'
}

export function pointOf(number: number, version: number): PointInput<Payload> {
  const payload = { version, color: colorOf(version) }
  return { id: idOf(number), vector: vectorOf(number, version), payload }
}

/** The version of a point read back; undefined when anything in it is not as it was written. */
export function versionOf(point: Point<Payload>): number | undefined {
  const version = point.payload?.version
  if (version === undefined || point.payload?.color !== colorOf(version)) return undefined
  const expected = vectorOf(numberOf(point.id), version)
  if (point.vector?.length !== dimension) return undefined
  return expected.every((value, i) => value === point.vector?.[i]) ? version : undefined
}
