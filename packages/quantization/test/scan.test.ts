import { AbortError, type Metric, Pool, pipelineSearch } from '@annulus/native'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Codes, Quantizer } from '../src/index.js'
import { native } from '../src/native.js'
import { encoded, everyKind } from './coding.js'
import { metricsOf, randomFloats } from './support.js'

const pool = new Pool(3)
afterAll(() => pool.close())

const codesOf = (quantizer: Quantizer, vectors: Float32Array, dimension: number, metric: Metric) =>
  encoded(quantizer, pool, vectors, dimension, metric)

/** Every slot with its distance by the scorer, nearest first, ties by slot. */
function ranking(codes: Codes, query: Float32Array): { slot: number; distance: number }[] {
  const slots = Uint32Array.from({ length: codes.slots }, (_, slot) => slot)
  const distances = native.queryDistances(codes.scorer(), query, slots)
  return Array.from(slots, (slot) => ({ slot, distance: distances[slot] ?? Number.NaN })).sort(
    (a, b) => a.distance - b.distance || a.slot - b.slot,
  )
}

const isAllowed = (bitmap: Uint32Array, slot: number) =>
  (((bitmap[slot >>> 5] ?? 0) >>> (slot & 31)) & 1) === 1

describe.each(everyKind)('scan of %s', (_, quantizer) => {
  it('gives the nearest allowed slots of the range, ties by slot', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          dimension: fc.integer({ min: 1, max: 40 }),
          n: fc.integer({ min: 1, max: 700 }),
          seed: fc.nat(),
          k: fc.integer({ min: 1, max: 800 }),
          from: fc.integer({ min: 0, max: 720 }),
          length: fc.integer({ min: 0, max: 720 }),
          words: fc.option(fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 30 }), {
            nil: undefined,
          }),
        }),
        metricsOf(quantizer()),
        async ({ dimension, n, seed, k, from, length, words }, metric) => {
          // Coarse values, so that many vectors are equally near.
          const vectors = randomFloats(n * dimension, seed, 2).map(Math.round)
          const codes = await codesOf(quantizer(), vectors, dimension, metric)
          const query = randomFloats(dimension, seed + 1, 2)
          const allowed = words === undefined ? undefined : Uint32Array.from(words)
          const to = from + length
          const expected = ranking(codes, query)
            .filter(({ slot }) => slot >= from && slot < to)
            .filter(({ slot }) => allowed === undefined || isAllowed(allowed, slot))
            .slice(0, k)
          const options = { k, from, to, ...(allowed === undefined ? {} : { allowed }) }
          const { slots, distances } = await codes.scan(query, options)
          expect(Array.from(slots)).toEqual(expected.map(({ slot }) => slot))
          expect(Array.from(distances)).toEqual(expected.map((found) => found.distance))
          codes.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  it('agrees with itself when the range is split among threads', async () => {
    const dimension = 600
    const n = 9000
    const vectors = randomFloats(n * dimension, 8)
    const codes = await codesOf(quantizer(), vectors, dimension, 'euclidean')
    const query = randomFloats(dimension, 9)
    const expected = ranking(codes, query).slice(0, 50)
    const { slots } = await codes.scan(query, { k: 50 })
    expect(Array.from(slots)).toEqual(expected.map(({ slot }) => slot))
  })

  it('is a native source of candidates as well', async () => {
    const dimension = 24
    const vectors = randomFloats(500 * dimension, 5)
    const codes = await codesOf(quantizer(), vectors, dimension, 'cosine')
    const query = randomFloats(dimension, 6)
    const allowed = new Uint32Array(16).fill(0x0f0f0f0f)
    const expected = await codes.scan(query, { k: 12, allowed })
    const found = await pipelineSearch(
      pool,
      [{ source: codes.source(), allowed }],
      undefined,
      query,
      { metric: 'cosine', limit: 12, candidates: 12, ef: 12 },
    )
    expect(found.slots).toEqual(expected.slots)
    expect(found.distances).toEqual(expected.distances)
  })

  it('sees vectors that are appended, and only after they are encoded', async () => {
    const dimension = 10
    const vectors = randomFloats(300 * dimension, 1)
    const codes = await quantizer().train(vectors, { dimension, metric: 'euclidean', pool })
    const calls = []
    for (let first = 0; first < 300; first += 100) {
      // Not awaited one by one: the calls take effect in order.
      calls.push(
        codes.encode(first, vectors.subarray(first * dimension, (first + 100) * dimension)),
      )
    }
    const early = codes.slots
    expect(early % 100).toBe(0)
    await Promise.all(calls)
    expect(codes.slots).toBe(300)
    const replacement = new Float32Array(dimension).fill(0.25)
    await codes.encode(42, replacement)
    expect(codes.slots).toBe(300)
    const { slots } = await codes.scan(replacement, { k: 1 })
    expect(slots[0]).toBe(42)
  })

  it('are encoded one by one into a list of slots as they are into consecutive ones', async () => {
    const dimension = 10
    const vectors = randomFloats(40 * dimension, 1)
    const codes = await codesOf(quantizer(), vectors, dimension, 'euclidean')
    const others = randomFloats(6 * dimension, 2)
    const slots = Uint32Array.of(3, 4, 17, 39, 40, 41)
    await codes.encode(slots, others)
    const expected = await codesOf(quantizer(), vectors, dimension, 'euclidean')
    for (const [index, slot] of slots.entries()) {
      await expected.encode(slot, others.subarray(index * dimension, (index + 1) * dimension))
    }
    expect(codes.slots).toBe(42)
    for (let slot = 0; slot < 42; slot++) expect(codes.decode(slot)).toEqual(expected.decode(slot))
    const invalid = { code: 'ANNULUS_INVALID_ARGUMENT' }
    for (const wrong of [[4, 3], [4, 4], [0, 43], [42, 44], [1]]) {
      const two = others.subarray(0, 2 * dimension)
      await expect(codes.encode(Uint32Array.from(wrong), two)).rejects.toMatchObject(invalid)
    }
    const bad = others.slice(0, 2 * dimension).fill(Number.NaN, dimension)
    await expect(codes.encode(Uint32Array.of(7, 30), bad)).rejects.toMatchObject({
      code: 'ANNULUS_INVALID_VECTOR',
      details: { slot: 30 },
    })
    expect(codes.decode(7)).toEqual(expected.decode(7))
    await codes.encode(new Uint32Array(), new Float32Array())
    expect(codes.slots).toBe(42)
  })

  it('stops when it is aborted', async () => {
    const dimension = 64
    const n = 20_000
    const vectors = randomFloats(n * dimension, 2)
    const codes = await codesOf(quantizer(), vectors, dimension, 'dot')
    const query = randomFloats(dimension, 3)
    const reason = new Error('enough')
    const scan = codes.scan(query, { k: 1, signal: AbortSignal.abort(reason) })
    await expect(scan).rejects.toBeInstanceOf(AbortError)
    await expect(scan).rejects.toMatchObject({ cause: reason })
    // How far encoding gets before the signal comes is up to the machine: nothing or all of it must
    // be there afterwards, and one of these attempts must be stopped on its way.
    let stopped = false
    for (let attempt = 0; attempt < 20 && !stopped; attempt++) {
      const { slots } = codes
      const controller = new AbortController()
      const encoding = codes.encode(slots, vectors, { signal: controller.signal })
      const outcome = encoding.then(
        () => 'done',
        (error: unknown) => (error instanceof AbortError ? 'aborted' : 'failed'),
      )
      while (native.pending() === 0) await null
      controller.abort(reason)
      stopped = (await outcome) === 'aborted'
      expect(await outcome).not.toBe('failed')
      expect(codes.slots).toBe(stopped ? slots : slots + n)
    }
    expect(stopped).toBe(true)
  })

  it('gives a slot the same distance in whatever company', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 2600 }),
        fc.nat(),
        metricsOf(quantizer()),
        fc.array(fc.nat(69), { maxLength: 500 }),
        async (dimension, seed, metric, list) => {
          const n = 70
          const vectors = randomFloats(n * dimension, seed)
          const codes = await codesOf(quantizer(), vectors, dimension, metric)
          const query = randomFloats(dimension, seed + 1)
          const of = (slots: readonly number[]) =>
            native.queryDistances(codes.scorer(), query, Uint32Array.from(slots))
          const alone = Array.from({ length: n }, (_, slot) => of([slot])[0])
          expect([...of(alone.map((_, slot) => slot))]).toEqual(alone)
          expect([...of(alone.map((_, slot) => n - 1 - slot))]).toEqual(alone.toReversed())
          expect([...of(list)]).toEqual(list.map((slot) => alone[slot]))
          const from = seed % n
          expect([...of([from, ...alone.map((_, slot) => slot)])]).toEqual([alone[from], ...alone])
          codes.close()
        },
      ),
      { numRuns: 12 },
    )
  })
})
