import { AnnulusError } from './errors.js'

/**
 * Rejects options that do not exist, so that a misspelt one is not silently ignored.
 *
 * @throws AnnulusError `ANNULUS_UNKNOWN_OPTION` naming the first of them and those that exist.
 */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new AnnulusError(
    'ANNULUS_UNKNOWN_OPTION',
    `${where} has no option ${JSON.stringify(unknown)}; it knows ${known.join(', ')}`,
    { details: { option: unknown, known } },
  )
}
