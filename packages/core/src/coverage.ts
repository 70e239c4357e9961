// Where the slots that a search asks for are found: in the graph, by their codes, or by their vectors alone.
import { SlotSet } from './slot-set.js'

/** What a search finds where. */
export interface Coverage {
  /** Slots with codes. */
  readonly coded: SlotSet
  /** Of those, the ones that are not in the graph. */
  readonly unlinked: SlotSet
  /** Slots without a code. */
  readonly uncoded: SlotSet
}

/** How far an index has come. */
interface Progress {
  readonly encoded: number
  readonly linked: number
  readonly unencoded: SlotSet
  readonly unlinked: SlotSet
}

/** A coverage, and the state that it is for. */
interface Known {
  readonly of: SlotSet
  readonly encoded: number
  readonly linked: number
  readonly changes: number
  readonly coverage: Coverage
}

const none = new SlotSet()

/** Searches between two changes ask for the same: the last answer is kept. */
export class Coverages {
  #known: Known | undefined

  /**
   * @param of a set that lasts
   * @param slots those there are
   * @param changes a number that is another one when the sets of `progress` have changed
   */
  of(of: SlotSet, slots: number, progress: Progress, changes: number): Coverage {
    const { encoded, linked } = progress
    const known = this.#known
    if (known?.of === of && known.changes === changes) {
      if (known.encoded === encoded && known.linked === linked) return known.coverage
    }
    const coverage = cover(of, slots, progress)
    this.#known = { of, encoded, linked, changes, coverage }
    return coverage
  }
}

function cover(
  of: SlotSet,
  slots: number,
  { encoded, linked, unencoded, unlinked }: Progress,
): Coverage {
  let coded = of
  if (encoded < slots) coded = coded.range(0, encoded)
  if (unencoded.size > 0) coded = coded.without(unencoded)
  let waiting = linked < slots ? coded.range(linked, slots) : none
  if (unlinked.size > 0) waiting = waiting.union(coded.intersection(unlinked))
  return { coded, unlinked: waiting, uncoded: coded === of ? none : of.without(coded) }
}
