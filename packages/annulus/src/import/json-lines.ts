// JSON Lines: one object a line with "vector" (numbers), optional "id", and "payload" or any other fields.
import { AnnulusError } from '@annulus/native'
import { readLines } from './lines.js'
import type { ImportedRow } from './rows.js'

/** Reads rows `{"id": ..., "vector": [...], "payload": {...}}`; fields beside these become payload. */
export async function* readJsonLines(path: string): AsyncGenerator<ImportedRow> {
  for await (const { value, line } of readObjects(path)) {
    const { id, vector, payload, ...rest } = value
    if (!Array.isArray(vector) || !vector.every((component) => typeof component === 'number')) {
      throw damaged(path, line, '"vector" is not an array of numbers')
    }
    if (id !== undefined && typeof id !== 'string' && typeof id !== 'number') {
      throw damaged(path, line, '"id" is neither a string nor a number')
    }
    const fields = isRecord(payload) ? { ...rest, ...payload } : rest
    yield {
      vector: Float32Array.from(vector),
      payload: fields,
      ...(id === undefined ? {} : { id }),
    }
  }
}

/** The objects of a JSON Lines file in order; empty lines are skipped. */
export async function* readObjects(
  path: string,
): AsyncGenerator<{ value: Record<string, unknown>; line: number }> {
  let line = 0
  for await (const text of readLines(path)) {
    line++
    if (text.trim() === '') continue
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw damaged(path, line, 'it is not JSON', cause)
    }
    if (!isRecord(value)) throw damaged(path, line, 'it is not an object')
    yield { value, line }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function damaged(path: string, line: number, what: string, cause?: unknown): AnnulusError {
  return new AnnulusError('ANNULUS_CORRUPT', `${path}, line ${line}: ${what}`, {
    cause,
    details: { path, line },
  })
}
