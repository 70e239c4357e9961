import { stat } from 'node:fs/promises'
import type { Metric, PointInput } from '@annulus/core'
import { fileError } from '@annulus/storage'
import { Command, Option } from 'commander'
import { type ImportedRow, openDataSet, readVectors } from '../import/index.js'
import { open } from '../index.js'
import { loadPoints } from '../load.js'
import { integer } from './arguments.js'

interface ImportOptions {
  collection: string
  metric: Metric
  format?: 'fvecs' | 'bvecs' | 'npy' | 'jsonl'
  firstId: number
  json?: boolean
}

/** annulus import <database> <file or data set folder> */
export function importCommand(signal: AbortSignal): Command {
  return new Command('import')
    .description(
      'Write the vectors of a file (fvecs, bvecs, npy, JSON Lines) or of a data set folder into a collection.',
    )
    .argument('<database>', 'directory of the database; created if missing')
    .argument('<source>', 'file, or folder with meta.json and base.fvecs or base.bvecs')
    .option('-c, --collection <name>', 'collection to write to', 'vectors')
    .addOption(
      new Option('-m, --metric <metric>', 'for a new collection')
        .choices(['cosine', 'dot', 'euclidean', 'manhattan'])
        .default('cosine'),
    )
    .addOption(
      new Option('-f, --format <format>', 'if the file name does not tell').choices([
        'fvecs',
        'bvecs',
        'npy',
        'jsonl',
      ]),
    )
    .option(
      '--first-id <n>',
      'id of the first row where the file has none; counts up',
      integer(0),
      0,
    )
    .option('--json', 'print the outcome as JSON')
    .action(async (path: string, source: string, options: ImportOptions) => {
      const folder = (await lookAt(source)).isDirectory()
      const set = folder ? await openDataSet(source) : undefined
      const rows = set?.rows() ?? readVectors(source, options.format)
      const first = await rows.next()
      if (first.done === true) return void console.error('nothing to import: the file is empty')
      await using database = await open(path)
      const collection = await database.collection(options.collection, {
        dimension: first.value.vector.length,
        metric: set?.metric ?? options.metric,
      })
      const points = toPoints(first.value, rows, options.firstId)
      const quiet = options.json === true
      const result = await loadPoints(collection, points, set?.count ?? 1, { quiet, signal })
      if (options.json) console.log(JSON.stringify(result))
      else {
        console.log(
          `${result.points} points in "${options.collection}": written in ${result.writeSeconds.toFixed(1)} s, indexed ${result.indexSeconds.toFixed(1)} s later`,
        )
      }
    })
}

function lookAt(path: string) {
  return stat(path).catch((cause: unknown) => {
    throw fileError(cause, 'open', path)
  })
}

async function* toPoints(
  first: ImportedRow,
  rest: AsyncGenerator<ImportedRow>,
  firstId: number,
): AsyncGenerator<PointInput> {
  let next = firstId
  const point = ({ id, vector, payload }: ImportedRow): PointInput => ({
    id: id ?? next++,
    vector,
    ...(payload === undefined ? {} : { payload }),
  })
  yield point(first)
  for await (const row of rest) yield point(row)
}
