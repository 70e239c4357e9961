// What verifying and repairing say of a database.
import { AnnulusError } from '@annulus/native'
import type { PointId } from './ids.js'

/** One thing that is damaged or lost. */
export interface Damage {
  /** Undefined where it concerns the whole database. */
  readonly collection: string | undefined
  /** A lost `vector`, `record` or `id` is the loss of a point; an `index` is built again. */
  readonly part: 'settings' | 'id' | 'record' | 'vector' | 'payload index' | 'index'
  readonly message: string
  readonly slot?: number | undefined
  readonly id?: PointId | undefined
  readonly file?: string | undefined
}

/** The error as damage, if it tells of any. */
export function asDamage(error: unknown, where: Omit<Damage, 'message'>): Damage {
  if (!(error instanceof AnnulusError) || !tellsOfDamage.has(error.code)) throw error
  const { path } = error.details
  return { ...where, message: error.message, ...(typeof path === 'string' ? { file: path } : {}) }
}

const tellsOfDamage = new Set(['ANNULUS_CORRUPT', 'ANNULUS_IO', 'ANNULUS_NOT_FOUND'])
