// How wide a beam finds which share of the true results: what a collection measures on its own vectors, and
// what a search makes of it.
import { limits } from './limits.js'

/** How a search goes about finding `wanted` results. */
export interface Beam {
  readonly ef: number
  /** Candidates that may be rescored, at least as many as are wanted. */
  readonly candidates: number
}

/** The narrowest beam that was found to reach a recall. */
export interface CalibratedBeam {
  /** Share of the true results found on average, that this beam reaches with 95 % confidence. */
  readonly recall: number
  readonly ef: number
  /** Candidates rescored, per result. */
  readonly oversampling: number
  /** False where even the widest beam tried, this one, falls short. */
  readonly reached: boolean
}

/** Beams for searches of one limit, by ascending recall. */
export interface RecallTable {
  readonly limit: number
  readonly beams: readonly CalibratedBeam[]
}

export interface Calibration {
  /** Points that were searched. */
  readonly points: number
  /** Stored vectors that served as queries. */
  readonly queries: number
  /** By ascending limit. */
  readonly tables: readonly RecallTable[]
}

/** Recalls that beams are sought for; a target between two takes the higher. */
export const calibratedRecalls = [0.8, 0.85, 0.9, 0.925, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995]

/** Points by which a collection may grow or shrink before it is measured again. */
const staleFactor = 2

export function isStale(calibration: Calibration | undefined, points: number): boolean {
  if (calibration === undefined) return true
  return points >= calibration.points * staleFactor || points * staleFactor <= calibration.points
}

/**
 * Beams for collections that were not measured: of real sets of up to a million vectors and every kind of codes
 * none needed as much.
 */
const unmeasured: readonly CalibratedBeam[] = [
  { recall: 0.9, ef: 128, oversampling: 8, reached: true },
  { recall: 0.95, ef: 192, oversampling: 8, reached: true },
  { recall: 0.98, ef: 384, oversampling: 16, reached: true },
  { recall: 1, ef: 768, oversampling: 32, reached: true },
]

/** The beam for a target: as measured, or a wide one where nothing was. */
export function beamFor(
  calibration: Calibration | undefined,
  target: number,
  wanted: number,
): Beam {
  const [first, second] = calibration?.tables ?? [{ limit: 10, beams: unmeasured }]
  if (first === undefined) return beamFor(undefined, target, wanted)
  const few = beamOf(first, target)
  if (wanted <= first.limit) return bounded(few.ef, few.oversampling * first.limit, wanted)
  if (second === undefined) return scaled(few, wanted / first.limit, wanted)
  const many = beamOf(second, target)
  if (wanted >= second.limit) return scaled(many, wanted / second.limit, wanted)
  const share = (wanted - first.limit) / (second.limit - first.limit)
  const oversampling = Math.max(few.oversampling, many.oversampling)
  return bounded(few.ef + share * (many.ef - few.ef), oversampling * wanted, wanted)
}

/** The narrowest that reaches the target; the widest where none does. */
function beamOf({ beams }: RecallTable, target: number): CalibratedBeam {
  const found = beams.find((each) => each.recall >= target) ?? beams.at(-1)
  return found ?? { recall: 0, ef: limits.efMax, oversampling: 1, reached: false }
}

function scaled(beam: CalibratedBeam, factor: number, wanted: number): Beam {
  return bounded(beam.ef * factor, beam.oversampling * wanted, wanted)
}

function bounded(ef: number, candidates: number, wanted: number): Beam {
  const most = Math.min(limits.candidatesMax, Math.max(wanted, Math.ceil(candidates)))
  return { ef: Math.min(limits.efMax, Math.max(Math.ceil(ef), most)), candidates: most }
}
