import { extname } from 'node:path'
import { AnnulusError } from '@annulus/native'
import { readJsonLines } from './json-lines.js'
import { readNpy } from './npy.js'
import { readRecords } from './records.js'
import type { ImportedRow } from './rows.js'

export { type DataSet, openDataSet } from './data-set.js'
export { readObjects } from './json-lines.js'
export { readRecords, recordShape } from './records.js'
export type { ImportedRow } from './rows.js'

export type VectorFormat = 'fvecs' | 'bvecs' | 'npy' | 'jsonl'

const readers: Record<VectorFormat, (path: string) => AsyncGenerator<ImportedRow>> = {
  fvecs: (path) => readRecords(path, 4),
  bvecs: (path) => readRecords(path, 1),
  npy: readNpy,
  jsonl: readJsonLines,
}

/**
 * Rows of a file of vectors, streamed. The format follows the file's ending unless it is given.
 *
 * @throws AnnulusError `ANNULUS_UNSUPPORTED` for an unknown ending or shape, `ANNULUS_CORRUPT` with the row.
 */
export function readVectors(path: string, format?: VectorFormat): AsyncGenerator<ImportedRow> {
  const ending = format ?? extname(path).slice(1).replace('ndjson', 'jsonl')
  if (!isFormat(ending)) {
    throw new AnnulusError(
      'ANNULUS_UNSUPPORTED',
      `cannot tell the format of ${path}; name one of ${Object.keys(readers).join(', ')}`,
    )
  }
  return readers[ending](path)
}

function isFormat(ending: string): ending is VectorFormat {
  return Object.hasOwn(readers, ending)
}
