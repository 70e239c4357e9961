import type { VectorStorage } from '../types.js'
import { deepEqual, equal, ok, rejectsAborted, rejectsWith, sameFloats } from './expect.js'
import { holds } from './reading-and-writing.js'
import { onStorage } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { firstSlots, vectorsOf } from './vectors.js'

const dimension = 5

export function testLifecycle({ describe, it }: Runner, subject: StorageSubject): void {
  describe('closing', () => {
    it('is idempotent', () =>
      onStorage(subject, dimension, async (storage) => {
        await Promise.all([storage.close(), storage.close()])
        await storage.close()
      }))

    it('waits for calls in progress, which succeed', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(60, dimension)
        await storage.write(0, vectors.subarray(0, 40 * dimension))
        const settled: string[] = []
        const calls = [
          storage.read(firstSlots(40)).finally(() => settled.push('read')),
          storage
            .score(vectorsOf(1, dimension), firstSlots(40), 'dot')
            .finally(() => settled.push('score')),
          storage.write(40, vectors.subarray(40 * dimension)).finally(() => settled.push('write')),
          storage.flush().finally(() => settled.push('flush')),
        ]
        await storage.close()
        // A call may settle in the same turn as close, but never later than that.
        await new Promise((resolve) => setImmediate(resolve))
        deepEqual([...settled].sort(), ['flush', 'read', 'score', 'write'])
        const [read] = await Promise.all(calls)
        ok(read instanceof Float32Array)
        sameFloats(read, vectors.subarray(0, 40 * dimension), 'a read under way at close')
      }))

    it('makes every method reject with ANNULUS_CLOSED, from the call on', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, vectorsOf(2, dimension))
        const closing = storage.close()
        await refusesAll(storage)
        await closing
        await refusesAll(storage)
      }))
  })
  testAbort({ describe, it }, subject)
  testStats({ describe, it }, subject)
}

async function refusesAll(storage: VectorStorage): Promise<void> {
  const query = vectorsOf(1, dimension)
  const calls: Record<string, () => Promise<unknown>> = {
    write: () => storage.write(0, vectorsOf(1, dimension)),
    read: () => storage.read(Uint32Array.of(0)),
    'read of nothing': () => storage.read(new Uint32Array(0)),
    score: () => storage.score(query, Uint32Array.of(0), 'dot'),
    flush: () => storage.flush(),
  }
  for (const [name, call] of Object.entries(calls)) {
    await rejectsWith('ANNULUS_CLOSED', call, `${name} after close`)
  }
}

function testAbort({ describe, it }: Runner, subject: StorageSubject): void {
  describe('aborting', () => {
    it('rejects a call whose signal is aborted already', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, vectorsOf(9, dimension))
        const reason = new Error('enough')
        const signal = AbortSignal.abort(reason)
        const query = vectorsOf(1, dimension)
        await rejectsAborted(() => storage.read(firstSlots(9), { signal }), reason)
        await rejectsAborted(() => storage.score(query, firstSlots(9), 'dot', { signal }), reason)
        equal(storage.stats().inFlight, 0)
      }))

    it('ends a call under way with AbortError, or with the right answer if it was too late', () =>
      onStorage(subject, dimension, async (storage) => {
        const vectors = vectorsOf(200, dimension)
        await storage.write(0, vectors)
        for (let round = 0; round < 50; round++) {
          const abort = new AbortController()
          const reason = { round }
          const reading = storage.read(firstSlots(200), { signal: abort.signal })
          if (round % 2 === 1) await new Promise((resolve) => setImmediate(resolve))
          abort.abort(reason)
          const outcome = await reading.catch(() => undefined)
          if (outcome === undefined) await rejectsAborted(() => reading, reason)
          else sameFloats(outcome, vectors, 'an answer in spite of abort')
        }
        await holds(storage, vectors)
        equal(storage.stats().inFlight, 0)
      }))

    it('ends no other call, in a crowd of which two thirds are aborted', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, vectorsOf(200, dimension))
        const query = vectorsOf(1, dimension, 2)
        const slots = Uint32Array.from({ length: 500 }, (_, i) => (i * 7919) % 200)
        const expected = await storage.score(query, slots, 'euclidean')
        for (let round = 0; round < 10; round++) {
          const calls = Array.from({ length: 30 }, async (_, i) => {
            const abort = new AbortController()
            const call = storage.score(query, slots, 'euclidean', { signal: abort.signal })
            if (i % 3 === 0) abort.abort(i)
            if (i % 3 === 1) setImmediate(() => abort.abort(i))
            const outcome = await call.catch(() => undefined)
            if (outcome === undefined && i % 3 < 2) await rejectsAborted(() => call, i)
            else sameFloats(await call, expected, 'an answer beside aborted calls')
          })
          await Promise.all(calls)
        }
        equal(storage.stats().inFlight, 0)
        equal(storage.stats().errors, 0, 'an abort is no error')
      }))

    it('leaves no listener behind on a signal that is never aborted', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, vectorsOf(3, dimension))
        const { signal } = new AbortController()
        let listeners = 0
        const { addEventListener, removeEventListener } = signal
        signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
          listeners++
          addEventListener.apply(signal, given)
        }
        signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
          listeners--
          removeEventListener.apply(signal, given)
        }
        for (let i = 0; i < 5; i++) await storage.read(firstSlots(3), { signal })
        equal(listeners, 0)
      }))
  })
}

function testStats({ describe, it }: Runner, subject: StorageSubject): void {
  describe('stats', () => {
    it('count what was done, and never go backwards', () =>
      onStorage(subject, dimension, async (storage) => {
        const query = vectorsOf(1, dimension)
        const steps: readonly (() => Promise<unknown>)[] = [
          () => storage.write(0, vectorsOf(30, dimension)),
          () => storage.flush(),
          () => storage.read(firstSlots(30)),
          () => storage.score(query, firstSlots(20), 'cosine'),
          () => storage.read(Uint32Array.of(99)).catch(() => undefined),
          () => storage.read(Uint32Array.of(1, 1, 1)),
          () => storage.write(30, vectorsOf(2, dimension)),
        ]
        let before = storage.stats()
        ok(before.backend.length > 0, 'the backend has a name')
        for (const step of steps) {
          await step()
          const after = storage.stats()
          for (const name of counters) {
            ok(Number.isFinite(after[name]), `${name} is a number`)
            ok(after[name] >= before[name], `${name} went from ${before[name]} to ${after[name]}`)
          }
          equal(after.inFlight, 0, 'inFlight at rest')
          before = after
        }
        equal(before.vectors, 30 + 20 + 3, 'vectors served')
        ok(before.writtenBytes >= 32 * dimension * 4, 'bytes written')
      }))

    it('are still there after close', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, vectorsOf(3, dimension))
        await storage.read(firstSlots(3))
        await storage.close()
        equal(storage.stats().vectors, 3)
      }))
  })
}

const counters = [
  'reads',
  'readBytes',
  'vectors',
  'residentHits',
  'errors',
  'writtenBytes',
] as const
