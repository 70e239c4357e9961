#!/usr/bin/env node
import { readFile } from 'node:fs/promises'
import { AnnulusError } from '@annulus/native'
import { Command, CommanderError } from 'commander'
import { backupCommand } from './backup.js'
import { benchCommand } from './bench.js'
import { importCommand } from './import.js'
import { infoCommand } from './info.js'
import { repairCommand } from './repair.js'
import { searchCommand } from './search.js'
import { verifyCommand } from './verify.js'

/** Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. */
async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController()
  process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))
  const program = new Command('annulus')
    .description('An embedded vector database: import, search, inspect and measure collections.')
    .version(await ownVersion())
    .exitOverride()
    .showHelpAfterError()
  program.addCommand(importCommand(interrupt.signal).exitOverride())
  program.addCommand(searchCommand(interrupt.signal).exitOverride())
  program.addCommand(infoCommand().exitOverride())
  program.addCommand(backupCommand(interrupt.signal).exitOverride())
  program.addCommand(verifyCommand(interrupt.signal).exitOverride())
  program.addCommand(repairCommand(interrupt.signal).exitOverride())
  program.addCommand(benchCommand(interrupt.signal).exitOverride())
  try {
    await program.parseAsync(argv)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (interrupt.signal.aborted) {
      console.error('interrupted; what was acknowledged is kept')
      return 130
    }
    if (error instanceof AnnulusError) {
      console.error(`${error.code}: ${error.message}`)
      return 1
    }
    throw error
  }
}

async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version }: { version: string } = JSON.parse(text)
  return version
}

process.exitCode = await main(process.argv)
