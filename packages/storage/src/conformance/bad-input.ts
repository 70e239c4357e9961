import type { ErrorCode } from '@annulus/native'
import type { OpenOptions, VectorStorage } from '../types.js'
import { equal, rejectsWith } from './expect.js'
import { holds } from './reading-and-writing.js'
import { atSite, onStorage } from './site.js'
import type { Runner, StorageSubject } from './subject.js'
import { vectorsOf } from './vectors.js'

const dimension = 4

/** What a caller without types may pass: the parameters of a method, each unknown. */
type Untyped<Method> = Method extends (...parameters: infer P) => infer R
  ? (...parameters: { [K in keyof P]: unknown }) => R
  : never

interface UntypedStorage {
  readonly write: Untyped<VectorStorage['write']>
  readonly read: Untyped<VectorStorage['read']>
  readonly score: Untyped<VectorStorage['score']>
}

type BadCall = readonly [string, ErrorCode, (storage: UntypedStorage) => Promise<unknown>]

const good = vectorsOf(1, dimension)
const two = vectorsOf(2, dimension)
const one = Uint32Array.of(0)
const slots = (...numbers: number[]) => Uint32Array.from(numbers)
/** Wrong in the second vector, so that writing the first one before the check shows. */
const withValue = (value: number) => Float32Array.of(1, 2, 3, 4, 5, 6, value, 8)

const badCalls: readonly BadCall[] = [
  ['write: a plain array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(0, [1, 2, 3, 4])],
  ['write: nothing', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(0, undefined)],
  ['write: Float64Array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(0, new Float64Array(4))],
  ['write: a slot of -1', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(-1, good)],
  ['write: a slot of 0.5', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(0.5, good)],
  ['write: a slot of NaN', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(Number.NaN, good)],
  ['write: a slot as text', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write('0', good)],
  ['write: a gap', 'ANNULUS_OUT_OF_RANGE', (s) => s.write(4, good)],
  ['write: a slot twice', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(slots(1, 1), two)],
  ['write: slots that descend', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(slots(2, 1), two)],
  ['write: a slot too few', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(slots(1), two)],
  ['write: a slot too many', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write(slots(1, 2, 3), two)],
  ['write: an array of slots', 'ANNULUS_INVALID_ARGUMENT', (s) => s.write([1, 2], two)],
  ['write: a gap among slots', 'ANNULUS_OUT_OF_RANGE', (s) => s.write(slots(3, 5), two)],
  ['write: a gap before slots', 'ANNULUS_OUT_OF_RANGE', (s) => s.write(slots(4, 5), two)],
  ['write: a slot beyond all', 'ANNULUS_LIMIT', (s) => s.write(slots(1, 2 ** 32 - 1), two)],
  ['write: too few components', 'ANNULUS_DIMENSION', (s) => s.write(0, new Float32Array(3))],
  ['write: half a vector more', 'ANNULUS_DIMENSION', (s) => s.write(3, new Float32Array(6))],
  ['write: NaN', 'ANNULUS_INVALID_VECTOR', (s) => s.write(0, withValue(Number.NaN))],
  ['write: Infinity', 'ANNULUS_INVALID_VECTOR', (s) => s.write(0, withValue(1 / 0))],
  ['write: -Infinity', 'ANNULUS_INVALID_VECTOR', (s) => s.write(3, withValue(-1 / 0))],
  ['read: a plain array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.read([0])],
  ['read: Int32Array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.read(Int32Array.of(0))],
  ['read: a slot too high', 'ANNULUS_OUT_OF_RANGE', (s) => s.read(Uint32Array.of(0, 3))],
  ['read: the highest number', 'ANNULUS_OUT_OF_RANGE', (s) => s.read(Uint32Array.of(2 ** 32 - 1))],
  ['read: an option', 'ANNULUS_UNKNOWN_OPTION', (s) => s.read(one, { sginal: undefined })],
  ['score: a plain array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.score([1, 2, 3, 4], one, 'dot')],
  ['score: short query', 'ANNULUS_DIMENSION', (s) => s.score(new Float32Array(3), one, 'dot')],
  ['score: two queries', 'ANNULUS_DIMENSION', (s) => s.score(vectorsOf(2, 4), one, 'dot')],
  [
    'score: NaN',
    'ANNULUS_INVALID_VECTOR',
    (s) => s.score(withValue(Number.NaN).subarray(4), one, 'dot'),
  ],
  ['score: metric', 'ANNULUS_INVALID_ARGUMENT', (s) => s.score(good, one, 'hamming')],
  [
    'score: a slot too high',
    'ANNULUS_OUT_OF_RANGE',
    (s) => s.score(good, Uint32Array.of(3), 'dot'),
  ],
  ['score: slots as array', 'ANNULUS_INVALID_ARGUMENT', (s) => s.score(good, [0], 'dot')],
  ['score: an option', 'ANNULUS_UNKNOWN_OPTION', (s) => s.score(good, one, 'dot', { limit: 1 })],
]

const badOpens: readonly (readonly [string, ErrorCode, Record<string, unknown>])[] = [
  ['no dimension', 'ANNULUS_INVALID_ARGUMENT', { dimension: undefined }],
  ['dimension 0', 'ANNULUS_INVALID_ARGUMENT', { dimension: 0 }],
  ['dimension 1.5', 'ANNULUS_INVALID_ARGUMENT', { dimension: 1.5 }],
  ['dimension as text', 'ANNULUS_INVALID_ARGUMENT', { dimension: '4' }],
  ['an empty path', 'ANNULUS_INVALID_ARGUMENT', { path: '' }],
  ['a path that is a number', 'ANNULUS_INVALID_ARGUMENT', { path: 7 }],
  ['slots of -1', 'ANNULUS_INVALID_ARGUMENT', { slots: -1 }],
  ['an unknown option', 'ANNULUS_UNKNOWN_OPTION', { dimensions: 4 }],
  ['slots that are not there', 'ANNULUS_CORRUPT', { slots: 5 }],
]

export function testBadInput({ describe, it }: Runner, subject: StorageSubject): void {
  describe('bad input is rejected by a stable code, and nothing changes', () => {
    for (const [name, code, call] of badCalls) {
      it(`${name}: ${code}`, () =>
        onStorage(subject, dimension, async (storage) => {
          const vectors = vectorsOf(3, dimension)
          await storage.write(0, vectors)
          await storage.flush()
          // Unsafe on purpose: this is what JavaScript callers can do.
          await rejectsWith(code, () => call(storage as unknown as UntypedStorage), name)
          await holds(storage, vectors)
          await storage.write(3, good)
          await storage.flush()
          equal(storage.slots, 4, 'bad input must not latch')
        }))
    }

    it('says which slot is out of range', () =>
      onStorage(subject, dimension, async (storage) => {
        await storage.write(0, good)
        const wanted = slots(0, 9, 0)
        const error = await rejectsWith('ANNULUS_OUT_OF_RANGE', () => storage.read(wanted))
        equal(error.details['slot'], 9)
      }))

    for (const [name, code, wrong] of badOpens) {
      it(`open with ${name}: ${code}`, () =>
        atSite(subject, {}, async (site) => {
          const options: Record<string, unknown> = { path: site.path, dimension, ...wrong }
          // Unsafe on purpose, as above.
          const opening = options as unknown as OpenOptions
          await rejectsWith(code, () => site.factory.open(opening), `open with ${name}`)
          const storage = await site.open({ dimension })
          equal(storage.slots, 0)
        }))
    }
  })
}
