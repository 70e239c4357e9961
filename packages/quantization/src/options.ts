import { AnnulusError } from '@annulus/native'

/** Rejects options that are not in `known`, naming the first. */
export function rejectUnknown(of: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new AnnulusError(
    'ANNULUS_UNKNOWN_OPTION',
    `${of} has no option "${unknown}"; it has ${known.join(', ') || 'none'}`,
    { details: { option: unknown } },
  )
}
