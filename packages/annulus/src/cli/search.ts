import { AnnulusError } from '@annulus/native'
import { Command } from 'commander'
import { open } from '../index.js'
import { decimal, filterTerm, integer, vector } from './arguments.js'

interface SearchCommandOptions {
  collection: string
  limit: number
  ef?: number
  oversampling?: number
  exact?: boolean
  filter?: Record<string, string | number | boolean>
  like?: string
  json?: boolean
}

/** annulus search <database> [vector] */
export function searchCommand(signal: AbortSignal): Command {
  return new Command('search')
    .description('Find the nearest points to a vector, or to a point already stored (--like).')
    .argument('<database>', 'directory of the database')
    .argument('[vector]', 'numbers, as in "[0.1, 0.2]"', vector)
    .option('-c, --collection <name>', 'collection to search', 'vectors')
    .option('-k, --limit <n>', 'results wanted', integer(1), 10)
    .option('--ef <n>', 'beam width of the graph search', integer(1))
    .option('--oversampling <x>', 'candidates rescored per result', decimal(1))
    .option('--exact', 'compare with every vector')
    .option('--filter <field=value>', 'only points with this payload; repeat for more', filterTerm)
    .option('--like <id>', 'use the vector of this point')
    .option('--json', 'print JSON')
    .action(
      async (
        path: string,
        query: Float32Array | undefined,
        options: SearchCommandOptions,
        command: Command,
      ) => {
        await using database = await open(path, { readOnly: true })
        const collection = await database.collection(options.collection)
        const target = options.like === undefined ? query : await vectorOf(collection, options.like)
        if (target === undefined)
          return command.error('give a vector, or the id of a stored point with --like')
        const hits = await collection.search(target, {
          limit: options.limit,
          signal,
          ...(options.ef === undefined ? {} : { ef: options.ef }),
          ...(options.oversampling === undefined ? {} : { oversampling: options.oversampling }),
          ...(options.exact === undefined ? {} : { exact: options.exact }),
          ...(options.filter === undefined ? {} : { filter: options.filter }),
        })
        if (options.json) return console.log(JSON.stringify(hits))
        for (const hit of hits)
          console.log(
            `${hit.score.toFixed(6)}  ${hit.id}  ${JSON.stringify(hit.payload ?? {}).slice(0, 200)}`,
          )
      },
    )
}

type AnyCollection = Awaited<ReturnType<Awaited<ReturnType<typeof open>>['collection']>>

/** Ids typed on a command line may be numbers or text; a number is tried first. */
async function vectorOf(collection: AnyCollection, id: string): Promise<Float32Array> {
  const number = Number(id)
  const point =
    (Number.isSafeInteger(number)
      ? await collection.get(number, { withVector: true })
      : undefined) ?? (await collection.get(id, { withVector: true }))
  if (point?.vector !== undefined) return point.vector
  throw new AnnulusError('ANNULUS_NOT_FOUND', `${collection.name} has no point ${id}`)
}
