// Storages that are each broken in one way. The suite is worth what it catches: every one of these
// must fail, in the test that is named with it.
import type { Capabilities, StorageSubject } from '../src/conformance/index.js'
import { type MemoryStorageOptions, memoryStorage } from '../src/memory.js'
import type { OpenOptions, VectorStorage } from '../src/types.js'
import {
  AbortsOthers,
  ChokesOnNothing,
  DropsDuplicates,
  HidesReason,
  IgnoresAbort,
  LeaksListeners,
  MixesUpCalls,
  NormalizesQuery,
  ReusesAnswer,
  RoundsDistances,
  ScoresSimilarity,
  SortsCallersSlots,
  SortsSlots,
  TakesRoot,
  ThrowsAtOnce,
} from './broken-reads.js'
import {
  AcceptsNaN,
  AcceptsSlotsTwice,
  ClosesOnce,
  ClosesTooEarly,
  CountsSlotsTooSoon,
  FillsGaps,
  ForgetsStats,
  KeepsCallersArray,
  KeepsFirstVersion,
  LosesLastVector,
  OffersReader,
  ReadsAfterClose,
  ResolvesBeforeVisible,
  RunsWritesBackwards,
  StatsGoBack,
  TakesSlotsForConsecutive,
  WritesBeforeChecking,
} from './broken-writes.js'
import { Delegate, delegating } from './delegate.js'

export interface Mutant {
  readonly name: string
  readonly subject: StorageSubject
  /** A test that must fail (part of its name). */
  readonly caughtBy: string
}

export const memoryCapabilities: Capabilities = {
  persistent: true,
  exclusive: true,
  checksums: false,
  faults: false,
  nativeReader: false,
}

type Change = (options: OpenOptions) => OpenOptions

function broken(
  name: string,
  caughtBy: string,
  Broken: new (inner: VectorStorage) => VectorStorage,
  change?: Change,
  options: MemoryStorageOptions = { keep: true },
): Mutant {
  const storage = () => delegating(memoryStorage(options), (inner) => new Broken(inner), change)
  return { name, caughtBy, subject: { name, storage, capabilities: memoryCapabilities, runs: 8 } }
}

const ignoreSlots: Change = ({ slots: _, ...options }) => options
const keepTooMany: Change = ({ slots, ...options }) =>
  slots === undefined || slots === 0 || slots > 29
    ? { ...options, ...(slots && { slots }) }
    : { ...options, slots: slots + 1 }
const acceptAnyOption: Change = ({ path, dimension, slots, signal }) => ({
  path,
  dimension,
  ...(slots !== undefined && { slots }),
  ...(signal && { signal }),
})

export const mutants: readonly Mutant[] = [
  broken('loses the last vector of a batch', 'appends vectors', LosesLastVector),
  broken('keeps the first version of a slot', 'gives a freed slot a new vector', KeepsFirstVersion),
  broken('keeps the array of the caller', 'does not keep the array', KeepsCallersArray),
  broken('resolves a write before it is visible', 'visible at once', ResolvesBeforeVisible),
  broken('reads in sorted order', 'in the order of the slots', SortsSlots),
  broken('sorts the list of the caller', 'leaves them alone', SortsCallersSlots),
  broken('answers duplicates once', 'duplicates included', DropsDuplicates),
  broken('gives out one buffer again and again', 'an array of its own', ReusesAnswer),
  broken('mixes up concurrent calls', 'many calls at once', MixesUpCalls),
  broken('answers nothing with something', 'an empty list', ChokesOnNothing),
  broken('scores cosine as similarity', 'cosine distances as float64', ScoresSimilarity),
  broken('takes the root of euclidean', 'euclidean distances as float64', TakesRoot),
  broken('differs in the last bit', 'bit for bit', RoundsDistances),
  broken('changes the query', 'leaves the query alone', NormalizesQuery),
  broken('takes any slots for consecutive ones', 'scattered slots', TakesSlotsForConsecutive),
  broken('accepts a slot twice', 'write: a slot twice', AcceptsSlotsTwice),
  broken('accepts NaN', 'write: NaN', AcceptsNaN),
  broken('fills gaps with zeros', 'write: a gap', FillsGaps),
  broken('writes before it has checked', 'write: -Infinity', WritesBeforeChecking),
  broken('throws instead of rejecting', 'read: a slot too high', ThrowsAtOnce),
  broken('closes while reads run', 'waits for calls in progress', ClosesTooEarly),
  broken('can be closed once only', 'is idempotent', ClosesOnce),
  broken('reads after close', 'ANNULUS_CLOSED', ReadsAfterClose),
  broken('ignores abort', 'aborted already', IgnoresAbort),
  broken('hides the reason of an abort', 'aborted already', HidesReason),
  broken('aborts whoever is under way', 'ends no other call', AbortsOthers),
  broken('leaves listeners on signals', 'leaves no listener', LeaksListeners),
  broken('forgets to count', 'count what was done', ForgetsStats),
  broken('counts backwards', 'never go backwards', StatsGoBack),
  broken('counts slots before they are there', 'every slot below', CountsSlotsTooSoon),
  broken('runs writes in another order', 'in the order of the calls', RunsWritesBackwards),
  broken('offers a reader it does not name', 'has no native reader', OffersReader),
  broken('does not persist', 'finds what was flushed', Delegate, undefined, {}),
  broken('never drops slots', 'keeps 7 slots', Delegate, ignoreSlots),
  broken('keeps one slot too many', 'keeps 8 slots', Delegate, keepTooMany),
  broken('accepts any option', 'an unknown option', Delegate, acceptAnyOption),
]
