// Options of a search, and what they come to: the beam, and how many candidates are rescored.
import { type Beam, beamFor, type Calibration } from './calibration.js'
import { type Filter, type ParsedFilter, parseFilter } from './filter.js'
import { limits } from './limits.js'
import {
  boolean,
  checkNames,
  checkSignal,
  finite,
  integer,
  invalid,
  type Rescore,
  rescoring,
  type SearchDefaults,
  type Tuning,
} from './options.js'

/** Options of `search`. */
export interface SearchOptions<Payload = Record<string, unknown>> {
  /** Results wanted; default 10. */
  readonly limit?: number
  /** Results to skip; default 0. */
  readonly offset?: number
  /** Beam width of the graph search, at least the number of candidates; default 128. */
  readonly ef?: number
  /**
   * Share of the true results that searches shall find on average, above 0 and below 1, instead of `ef`:
   * the collection picks beam and oversampling by what it has measured on its own vectors, which `stats().calibration`
   * tells; before it has, wide ones. An `oversampling` given as well is kept.
   */
  readonly targetRecall?: number
  /**
   * Candidates per result ranked that may be rescored, at least 1. Default: 2; with bounded rescoring up to 8,
   * as far as the beam holds them anyway.
   */
  readonly oversampling?: number
  /**
   * Default 'bounded'. With `false` scores are estimates, with 'uncertain' those of results that were not read: `exact` of
   * each result tells. With an `offset` 'uncertain' means 'bounded', as order decides where a page begins.
   */
  readonly rescore?: Rescore
  /**
   * Share of the results that `rescore: 'bounded'` and 'uncertain' may miss of those among the candidates, as expected
   * by the bounds of the codes; from 0 to below 1, default 0.001. More is fewer reads.
   */
  readonly rescoreLoss?: number
  /** Compare every point that passes the filter with its original vector; default false. */
  readonly exact?: boolean
  /** Equality on payload fields. */
  readonly filter?: Filter<Payload>
  /** Only results at least this good: score ≥ for cosine and dot, ≤ for euclidean and manhattan. */
  readonly scoreThreshold?: number
  /** Put payloads into the results; default true. */
  readonly withPayload?: boolean
  /** Put vectors into the results; default false. */
  readonly withVector?: boolean
  readonly signal?: AbortSignal
}

export interface ParsedSearch {
  readonly limit: number
  readonly offset: number
  readonly ef: number
  readonly rescore: Rescore
  /** Expected share of the results that rescoring may miss. */
  readonly loss: number
  readonly exact: boolean
  readonly filter: ParsedFilter | undefined
  readonly scoreThreshold: number | undefined
  readonly withPayload: boolean
  readonly withVector: boolean
  readonly signal: AbortSignal | undefined
  /** Candidates that may be rescored: ceil(oversampling × (limit + offset)). */
  readonly candidates: number
}

const defaultEf = 128
const defaultOversampling = 2
const defaultLoss = 0.001
const boundedOversampling = 8

export interface SearchContext extends Pick<Tuning, SearchDefaults> {
  /** What was measured of the index, for searches that name a recall. */
  readonly calibration: () => Calibration | undefined
}

const searchNames = [
  'limit',
  'offset',
  'ef',
  'targetRecall',
  'oversampling',
  'rescore',
  'rescoreLoss',
  'exact',
  'filter',
  'scoreThreshold',
  'withPayload',
  'withVector',
  'signal',
] as const satisfies readonly (keyof SearchOptions)[]

const defaults: SearchContext = {
  rescore: 'bounded',
  oversampling: undefined,
  calibration: () => undefined,
}

/** @throws AnnulusError `ANNULUS_UNKNOWN_OPTION`, `ANNULUS_INVALID_ARGUMENT` or `ANNULUS_LIMIT`. */
export function parseSearch(
  options: SearchOptions<never>,
  context: SearchContext = defaults,
): ParsedSearch {
  checkNames(options, searchNames, 'search')
  const limit = integer(options.limit ?? 10, 'limit', 1, limits.resultsMax)
  const offset = integer(options.offset ?? 0, 'offset', 0, limits.resultsMax - limit)
  const asked = rescoring(options.rescore ?? context.rescore)
  const rescore = asked === 'uncertain' && offset > 0 ? 'bounded' : asked
  const loss = lossOf(options, rescore)
  const { ef, candidates } = beamOf(options, context, rescore, limit + offset, loss)
  return {
    limit,
    offset,
    candidates,
    ef: Math.max(ef, candidates),
    rescore,
    loss,
    exact: boolean(options.exact ?? false, 'exact'),
    filter: options.filter === undefined ? undefined : parseFilter(options.filter),
    scoreThreshold:
      options.scoreThreshold === undefined
        ? undefined
        : finite(options.scoreThreshold, 'scoreThreshold', Number.NEGATIVE_INFINITY),
    withPayload: boolean(options.withPayload ?? true, 'withPayload'),
    withVector: boolean(options.withVector ?? false, 'withVector'),
    signal: checkSignal(options.signal),
  }
}

function beamOf(
  options: SearchOptions<never>,
  { oversampling, calibration }: SearchContext,
  rescore: Rescore,
  wanted: number,
  loss: number,
): Beam {
  const asked = options.oversampling ?? oversampling
  const named = asked === undefined ? undefined : candidatesAsked(asked, wanted)
  if (options.targetRecall === undefined) {
    const ef = integer(options.ef ?? defaultEf, 'ef', 1, limits.efMax)
    return { ef, candidates: named ?? candidatesOf(rescore, wanted, ef) }
  }
  const target = recallAsked(options, rescore, loss)
  const { ef, candidates } = beamFor(calibration(), target, wanted)
  return { ef, candidates: named ?? candidates }
}

function lossOf({ rescoreLoss }: SearchOptions<never>, rescore: Rescore): number {
  if (rescoreLoss === undefined) return defaultLoss
  if (typeof rescore === 'boolean') {
    throw invalid(`rescoreLoss is for bounded rescoring, not for rescore ${rescore}`, 'rescoreLoss')
  }
  if (typeof rescoreLoss === 'number' && rescoreLoss >= 0 && rescoreLoss < 1) return rescoreLoss
  throw invalid(`rescoreLoss must be from 0 to below 1, not ${String(rescoreLoss)}`, 'rescoreLoss')
}

/** What the candidates must reach so that searches do after rescoring; beams allow for the default loss themselves. */
function recallAsked(options: SearchOptions<never>, rescore: Rescore, loss: number): number {
  const target = options.targetRecall
  if (typeof target !== 'number' || !(target > 0 && target < 1)) {
    throw invalid(`targetRecall must be between 0 and 1, not ${String(target)}`, 'targetRecall')
  }
  if (options.ef !== undefined) {
    throw invalid('give targetRecall or ef, not both: the one stands for the other', 'targetRecall')
  }
  if (rescore === false) {
    throw invalid('targetRecall needs rescoring: without, codes decide the recall', 'targetRecall')
  }
  const needed = target + Math.max(0, loss - defaultLoss)
  if (needed < 1) return needed
  throw invalid(
    `targetRecall ${target} cannot be reached with rescoreLoss ${loss}: together they must stay below 1`,
    'rescoreLoss',
  )
}

function candidatesAsked(oversampling: unknown, wanted: number): number {
  return integer(
    Math.ceil(finite(oversampling, 'oversampling', 1) * wanted),
    'oversampling × (limit + offset)',
    1,
    limits.candidatesMax,
  )
}

/** Candidates that a beam holds anyway cost nothing unless they are read. */
function candidatesOf(rescore: Rescore, wanted: number, ef: number): number {
  const fewest = defaultOversampling * wanted
  return typeof rescore === 'string'
    ? Math.max(fewest, Math.min(boundedOversampling * wanted, ef))
    : fewest
}
