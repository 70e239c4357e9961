import { Command } from 'commander'
import { chooseStorage, open } from '../index.js'

/** annulus info <database> */
export function infoCommand(): Command {
  return new Command('info')
    .description('What is in a database, how much memory it needs, and which storage serves it.')
    .argument('<database>', 'directory of the database')
    .option('--json', 'print JSON')
    .action(async (path: string, options: { json?: boolean }) => {
      await using database = await open(path, { readOnly: true })
      const collections: Record<string, unknown> = {}
      for (const { name } of database.collections()) {
        collections[name] = (await database.collection(name)).stats()
      }
      const info = { storage: chooseStorage(), collections }
      if (options.json) return console.log(JSON.stringify(info))
      console.log(`storage: ${info.storage.name} (${info.storage.reason})`)
      for (const [name, stats] of Object.entries(collections)) {
        console.log(`\n${name}`)
        console.dir(stats, { depth: 4 })
      }
    })
}
