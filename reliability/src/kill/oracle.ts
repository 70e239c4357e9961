// What a database may hold after kills: every acknowledged change, and of those that were under way
// the first ones, each whole or not at all.
import type { Operation } from './messages.js'

type State = ReadonlyMap<number, number>

interface Change {
  readonly number: number
  readonly operation: Operation
}

export class Oracle {
  /** States that are all right as far as is known. */
  #possible: State[] = [new Map()]
  #changes: Change[] = []
  #acknowledged = -1
  acknowledgedChanges = 0
  /** Changes that were under way when a process died. */
  interruptedChanges = 0

  begin(number: number, operation: Operation): void {
    this.#changes.push({ number, operation })
  }

  end(number: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, number)
    this.acknowledgedChanges++
  }

  /** The process is dead: what was not acknowledged may have happened or not. */
  died(): void {
    const certain = this.#changes.filter(({ number }) => number <= this.#acknowledged)
    const open = this.#changes.filter(({ number }) => number > this.#acknowledged)
    this.interruptedChanges += open.length
    const next = new Map<string, State>()
    for (const before of this.#possible) {
      let state = certain.reduce(applied, before)
      next.set(keyOf(state), state)
      for (const change of open) {
        state = applied(state, change)
        next.set(keyOf(state), state)
      }
    }
    this.#possible = [...next.values()]
    this.#changes = []
    this.#acknowledged = -1
  }

  /** What is wrong with the state found at an open; undefined when it is one of the possible ones. */
  found(points: readonly (readonly [number, number])[]): string | undefined {
    const state = new Map(points)
    const key = keyOf(state)
    const fitting = this.#possible.find((each) => keyOf(each) === key)
    const nearest = this.#possible
      .map((each) => difference(each, state))
      .sort((a, b) => a.length - b.length)[0]
    this.#possible = [state]
    if (fitting !== undefined) return undefined
    return `not one of the possible states; from the nearest it differs in ${nearest?.join(', ')}`
  }

  /** States that the next process may find. */
  get uncertainty(): number {
    return this.#possible.length
  }
}

function applied(state: State, { operation }: Change): State {
  const next = new Map(state)
  for (const number of operation.numbers) {
    if (operation.kind === 'delete') next.delete(number)
    else next.set(number, operation.version)
  }
  return next
}

function keyOf(state: State): string {
  return [...state]
    .sort(([a], [b]) => a - b)
    .map(([number, version]) => `${number}:${version}`)
    .join()
}

function difference(expected: State, actual: State): string[] {
  const numbers = [...new Set([...expected.keys(), ...actual.keys()])]
  return numbers
    .filter((number) => expected.get(number) !== actual.get(number))
    .map((number) => `${number}: ${actual.get(number)} instead of ${expected.get(number)}`)
}
