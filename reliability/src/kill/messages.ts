// What a child tells its parent, a line of JSON each, through a pipe that outlives it.

export type Operation =
  | { readonly kind: 'upsert'; readonly numbers: readonly number[]; readonly version: number }
  | { readonly kind: 'delete'; readonly numbers: readonly number[] }

export type Message =
  /** The modules are loaded; the child waits for a line on its standard input. */
  | { readonly event: 'ready' }
  | { readonly event: 'opened' }
  /** What was found: numbers and versions. */
  | {
      readonly event: 'state'
      readonly points: readonly (readonly [number, number])[]
      readonly problems: readonly string[]
    }
  | { readonly event: 'begin'; readonly number: number; readonly operation: Operation }
  | { readonly event: 'end'; readonly number: number }
  /** Something else began: a snapshot, a rebuild of the index, closing. */
  | { readonly event: 'stage'; readonly name: string }
  | { readonly event: 'problem'; readonly text: string }
  | { readonly event: 'closed' }

/** What the parent sends: start now. */
export interface Start {
  readonly path: string
  readonly backend: string
  readonly seed: number
  /** The first version to write; each operation takes the next. */
  readonly version: number
  readonly operations: number
  /** Of the database: large points, and many. */
  readonly large: boolean
  /** A bug on purpose, which the parent must notice. */
  readonly broken?: 'acknowledges first' | 'splits batches' | undefined
  /** Another: what has this in its path is never synced. */
  readonly forgets?: string | undefined
}
