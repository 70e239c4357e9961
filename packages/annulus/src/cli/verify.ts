import type { Damage } from '@annulus/core'
import { Command } from 'commander'
import { open } from '../index.js'
import { progressBar } from '../progress.js'

/** annulus verify <database> */
export function verifyCommand(signal: AbortSignal): Command {
  return new Command('verify')
    .description('Read everything in a database and say what is damaged. Changes nothing.')
    .argument('<database>', 'directory of the database')
    .option('--json', 'print JSON')
    .action(async (path: string, options: { json?: boolean }) => {
      await using database = await open(path, { readOnly: true })
      const bar = progressBar('verifying', 0, 'points', options.json)
      const progress = ({ done, total }: { done: number; total: number }) => bar.update(done, total)
      const report = await database.verify({ signal, progress })
      bar.stop()
      if (!report.ok) process.exitCode = 1
      if (options.json) return console.log(JSON.stringify(report))
      for (const damage of report.damage) console.log(describeDamage(damage))
      const { points, collections, damage } = report
      const outcome = report.ok ? 'nothing is damaged' : `${damage.length} damaged`
      console.log(`${points} intact points in ${collections} collections; ${outcome}`)
    })
}

export function describeDamage({ collection, part, slot, id, message }: Damage): string {
  const point = id === undefined ? '' : ` of ${JSON.stringify(id)}`
  const place = slot === undefined ? '' : ` (slot ${slot})`
  return `${collection ?? 'database'}: ${part}${point}${place}: ${message}`
}
