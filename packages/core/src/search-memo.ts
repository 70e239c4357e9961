// Options of searches come in few kinds, each in a new object a search: what the last few came to is kept.
import {
  type ParsedSearch,
  parseSearch,
  type SearchContext,
  type SearchOptions,
} from './search-options.js'

const kindsMax = 8

/** What options came to whose values are all plain, and do not depend on the state of the collection. */
interface Kind {
  /** Names in their order, which tells kinds apart at little cost. */
  readonly names: readonly string[]
  readonly options: SearchOptions<never>
  readonly parsed: ParsedSearch
}

export class SearchMemo {
  readonly #context: SearchContext
  readonly #kinds: Kind[] = []

  constructor(context: SearchContext) {
    this.#context = context
  }

  /** As `parseSearch`; for equal options mostly the same object. */
  parse(options: SearchOptions<never>): ParsedSearch {
    if (!isPlain(options)) return parseSearch(options, this.#context)
    for (const kind of this.#kinds) {
      if (sameValues(kind.options, options) && sameNames(kind.names, options)) return kind.parsed
    }
    const parsed = parseSearch(options, this.#context)
    this.#kinds.push({ names: namesOf(options), options: { ...options }, parsed })
    if (this.#kinds.length > kindsMax) this.#kinds.shift()
    return parsed
  }
}

function isPlain(options: SearchOptions<never>): boolean {
  return (
    typeof options === 'object' &&
    options !== null &&
    Object.getPrototypeOf(options) === Object.prototype &&
    options.filter === undefined &&
    options.signal === undefined &&
    options.targetRecall === undefined
  )
}

/** Read one by one: each is a load from a place the compiler knows. */
function sameValues(a: SearchOptions<never>, b: SearchOptions<never>): boolean {
  return (
    a.limit === b.limit &&
    a.ef === b.ef &&
    a.oversampling === b.oversampling &&
    a.rescore === b.rescore &&
    a.withPayload === b.withPayload &&
    a.offset === b.offset &&
    a.rescoreLoss === b.rescoreLoss &&
    a.exact === b.exact &&
    a.scoreThreshold === b.scoreThreshold &&
    a.withVector === b.withVector
  )
}

/** With the same names in the same order there are no others among them. */
function sameNames(names: readonly string[], options: object): boolean {
  let count = 0
  for (const name in options) if (names[count++] !== name) return false
  return count === names.length
}

function namesOf(options: object): string[] {
  const names: string[] = []
  for (const name in options) names.push(name)
  return names
}
