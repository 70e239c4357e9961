// npm start [-- --data DIR]: builds, then runs the demonstration with the arguments given.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, main } from './failure.mjs'
import { runVisibly } from './processes.mjs'
import { build } from './steps/build.mjs'
import { root } from './workspace.mjs'

const demo = join(root, 'packages', 'annulus', 'dist', 'demo', 'main.js')

await main(async () => {
  await build()
  if (!existsSync(demo)) {
    throw new Failure('Everything is built, but there is no packages/annulus/src/demo/main.ts yet.')
  }
  process.exitCode = await runVisibly(process.execPath, [demo, ...process.argv.slice(2)])
})
