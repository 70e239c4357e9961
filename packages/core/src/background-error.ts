// What stopped background work, as users see it.
import { AnnulusError } from '@annulus/native'

export function asAnnulusError(cause: unknown): AnnulusError {
  if (cause instanceof AnnulusError) return cause
  return new AnnulusError('ANNULUS_INTERNAL', `background indexing failed: ${String(cause)}`, {
    cause,
  })
}
