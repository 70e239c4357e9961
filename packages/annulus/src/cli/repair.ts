import { Command } from 'commander'
import { autoStorage, repair } from '../index.js'
import { describeDamage } from './verify.js'

/** annulus repair <database> <directory> */
export function repairCommand(signal: AbortSignal): Command {
  return new Command('repair')
    .description(
      'Make a new database of everything that is intact in a damaged one, and list what is lost.',
    )
    .argument('<database>', 'directory of the damaged database; it is only read')
    .argument('<target>', 'directory to create; missing or empty')
    .option('--json', 'print JSON')
    .action(async (path: string, target: string, options: { json?: boolean }) => {
      const report = await repair(path, target, { storage: autoStorage(), signal })
      if (options.json) return console.log(JSON.stringify(report))
      for (const lost of report.lost) console.log(describeDamage(lost))
      const { points, collections, lost } = report
      console.log(`${points} points in ${collections} collections kept, ${lost.length} lost`)
    })
}
