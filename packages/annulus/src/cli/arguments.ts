import { InvalidArgumentError } from 'commander'

/** Parsers of option values for commander. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`)
    }
    return value
  }
}

export function decimal(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isFinite(value) || value < least) {
      throw new InvalidArgumentError(`expected a number of at least ${least}.`)
    }
    return value
  }
}

/** "1,4" → [1, 4] */
export function numbers(text: string): number[] {
  return text.split(',').map(decimal(1))
}

/** A vector as JSON array or numbers between commas or spaces. */
export function vector(text: string): Float32Array {
  const values = text
    .replace(/^\s*\[|\]\s*$/g, '')
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map(Number)
  if (values.length === 0 || values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError('expected numbers, as in "[0.1, 0.2]".')
  }
  return Float32Array.from(values)
}

/** "field=value", repeatable; the value is JSON where it parses, else text. */
export function filterTerm(text: string, previous: Record<string, string | number | boolean> = {}) {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('expected field=value.')
  const value = text.slice(at + 1)
  let parsed: unknown = value
  try {
    parsed = JSON.parse(value)
  } catch {}
  const scalar =
    typeof parsed === 'string' || typeof parsed === 'number' || typeof parsed === 'boolean'
  return { ...previous, [text.slice(0, at)]: scalar ? parsed : value } as Record<
    string,
    string | number | boolean
  >
}
