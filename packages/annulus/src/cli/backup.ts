import { Command } from 'commander'
import { open } from '../index.js'
import { progressBar } from '../progress.js'
import { decimal } from './arguments.js'

interface BackupCommandOptions {
  index: boolean
  rate?: number
  json?: boolean
}

const mib = 2 ** 20

/** annulus backup <database> <directory> */
export function backupCommand(signal: AbortSignal): Command {
  return new Command('backup')
    .description(
      'Copy a database as it stands at one commit. The copy is a database: restoring is opening it.',
    )
    .argument('<database>', 'directory of the database')
    .argument('<target>', 'directory to create; missing or empty')
    .option('--rate <MiB>', 'copy at most this many MiB a second', decimal(0.001))
    .option('--no-index', 'leave codes and graph out; they are built again when the copy is opened')
    .option('--json', 'print the outcome as JSON')
    .action(async (path: string, target: string, options: BackupCommandOptions) => {
      await using database = await open(path, { readOnly: true })
      let bar: ReturnType<typeof progressBar> | undefined
      const report = await database.backup(target, {
        signal,
        withIndex: options.index,
        ...(options.rate === undefined ? {} : { bytesPerSecond: options.rate * mib }),
        progress: ({ bytes, vectorBytes }) => {
          // Codes, graph and payloads come on top of the vectors.
          const total = Math.ceil(Math.max(bytes, vectorBytes) / mib)
          bar ??= progressBar('copying', total, 'MiB', options.json)
          bar.update(Math.floor(bytes / mib), total)
        },
      })
      bar?.stop()
      if (options.json) return console.log(JSON.stringify(report))
      console.log(
        `${report.points} points of ${report.collections} collections, ${(report.bytes / mib).toFixed(1)} MiB, in ${report.path}`,
      )
    })
}
