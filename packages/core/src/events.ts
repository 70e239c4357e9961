// Typed events. A listener that throws must not harm the operation that emits.
import { EventEmitter } from 'node:events'
import type { AnnulusError } from '@annulus/native'
import type { EventMap } from 'typed-emitter'
import type { Drift } from './drift.js'
import type { SearchDiagnostics } from './search-results.js'

export interface IndexingProgress {
  /** `loading`: codes are read from their file. `moving`: points change their places, so that fewer slots hold them. */
  readonly phase: 'loading' | 'moving' | 'training' | 'encoding' | 'linking'
  /** Slots done of `total`. */
  readonly done: number
  readonly total: number
}

export interface IndexedCollection {
  readonly points: number
  /** Kind of the codes; undefined while the collection has none. */
  readonly codes: string | undefined
  /** Why, when `auto()` picked it. */
  readonly reason: string | undefined
}

/** Events of a collection. */
export type CollectionEvents = {
  /** The background index moved on. */
  indexing: (progress: IndexingProgress) => void
  /** Every point is in the index. */
  indexed: (index: IndexedCollection) => void
  /** A derived file was missing or damaged and is built again. */
  rebuilt: (file: { readonly file: string; readonly reason: AnnulusError }) => void
  /** The storage serves reads by another backend than the one asked for. */
  storageFallback: (fallback: { readonly backend: string; readonly reason: string }) => void
  /**
   * New vectors no longer fit the codes, which were trained on older ones: more of their originals have to be
   * read, or results are lost. `optimize()` trains anew. Told once for each training.
   */
  drift: (drift: Drift) => void
  /** A search took longer than `slowSearchMs`. */
  slowSearch: (diagnostics: SearchDiagnostics) => void
  /** Background work failed; searches go on, and it is tried again after the next write. */
  backgroundError: (error: AnnulusError) => void
}

type Named<Listener> = Listener extends (event: infer Event) => void
  ? (event: Event, collection: string) => void
  : never

/** Events of all collections of a database; each listener also gets the collection's name. */
export type DatabaseEvents = {
  [Name in keyof CollectionEvents]: Named<CollectionEvents[Name]>
}

// As from a CommonJS module: else its default export is a type in one way of resolving modules and none in another.
type Emitter<Events extends EventMap> = new () => import('typed-emitter', { with: {
  'resolution-mode': 'require',
}}).default<Events>

/** EventEmitter whose listeners' errors become uncaught exceptions of their own. */
class SafeEmitter extends EventEmitter {
  override emit(name: string | symbol, ...values: unknown[]): boolean {
    try {
      return super.emit(name, ...values)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
      return true
    }
  }
}

// typed-emitter gives types only; the class behind them is Node's own.
export const CollectionEmitter = SafeEmitter as unknown as Emitter<CollectionEvents>
export const DatabaseEmitter = SafeEmitter as unknown as Emitter<DatabaseEvents>
