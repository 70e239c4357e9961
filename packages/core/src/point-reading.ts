// Points by slot: for `get` and for passing over all of them.
import type { VectorStorage } from '@annulus/storage'
import { boolean, checkNames, checkSignal } from './options.js'
import type { PayloadReader } from './payload-reader.js'
import type { Point } from './points.js'

/** What to bring of each point. */
export interface ReadOptions {
  /** Default true. */
  readonly withPayload?: boolean
  /** Default false. */
  readonly withVector?: boolean
  readonly signal?: AbortSignal
}

export interface ParsedRead {
  readonly withPayload: boolean
  readonly withVector: boolean
  readonly signal: AbortSignal | undefined
}

/** @param others names of options that are the caller's to read */
export function parseRead(
  options: ReadOptions,
  where: string,
  others: readonly string[] = [],
): ParsedRead {
  checkNames(options, [...others, 'withPayload', 'withVector', 'signal'], where)
  return {
    withPayload: boolean(options.withPayload ?? true, 'withPayload'),
    withVector: boolean(options.withVector ?? false, 'withVector'),
    signal: checkSignal(options.signal),
  }
}

/** The points of slots, in their order; undefined where there is none (any more). */
export async function readPoints(
  { storage, payloads }: { readonly storage: VectorStorage; readonly payloads: PayloadReader },
  slots: readonly (number | undefined)[],
  options: ParsedRead,
): Promise<(Point<object> | undefined)[]> {
  const present = slots.filter((slot) => slot !== undefined)
  await payloads.prepare(present, true)
  const contents = slots.map((slot) => (slot === undefined ? undefined : payloads.content(slot)))
  const missing = slots.flatMap((slot, index) =>
    slot === undefined || contents[index] !== undefined ? [] : [slot],
  )
  if (missing.length > 0) await payloads.expectDead(missing)
  const vectors = options.withVector
    ? await readVectors(storage, present, options.signal)
    : undefined
  let next = 0
  return slots.map((slot, index) => {
    if (slot === undefined) return undefined
    const vector = vectors?.[next++]
    const content = contents[index]
    if (content === undefined) return undefined
    const { id, payload } = content
    return {
      id,
      ...(payload === undefined || !options.withPayload ? {} : { payload }),
      ...(vector === undefined ? {} : { vector }),
    }
  })
}

/** One array per slot, each with memory of its own. */
export async function readVectors(
  storage: VectorStorage,
  slots: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  if (slots.length === 0) return []
  const { dimension } = storage
  const all = await storage.read(Uint32Array.from(slots), signal === undefined ? {} : { signal })
  return slots.map((_, index) => all.slice(index * dimension, (index + 1) * dimension))
}
