// npm test [-- arguments of vitest]: installs, builds, runs every test of packages and examples in
// one vitest run. The last line reads "N passed, N failed, N skipped". With --node MAJOR all of that
// on another version of Node.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure, main } from './failure.mjs'
import { runVisibly } from './processes.mjs'
import { build } from './steps/build.mjs'
import { nodeOfMajor } from './steps/node-package.mjs'
import { cache, readJson, root, toolEntry } from './workspace.mjs'

const summaryFile = join(cache, `test-summary-${process.pid}.json`)

await main(async () => {
  const args = process.argv.slice(2)
  const at = args.indexOf('--node')
  if (at < 0) return test(args)
  const [, major] = args.splice(at, 2)
  const node = await nodeOfMajor(major)
  process.exitCode = await runVisibly(node, [fileURLToPath(import.meta.url), ...args])
})

async function test(args) {
  console.log(`node ${process.version}`)
  await build()
  const code = await runVitest(args)
  const summary = takeSummary()
  report(summary)
  const ran = summary.passed + summary.failed
  process.exitCode = code !== 0 ? code : Number(summary.failed > 0 || ran === 0)
}

function runVitest(args) {
  mkdirSync(cache, { recursive: true })
  const reporters = ['default', './scripts/summary-reporter.mjs'].map(
    (name) => `--reporter=${name}`,
  )
  return runVisibly(process.execPath, [toolEntry('vitest'), 'run', ...reporters, ...args], {
    cwd: root,
    env: { ...process.env, ANNULUS_TEST_SUMMARY: summaryFile },
  })
}

function takeSummary() {
  if (!existsSync(summaryFile)) throw new Failure('vitest ended without running the tests.')
  try {
    return readJson(summaryFile)
  } finally {
    rmSync(summaryFile)
  }
}

function report({ passed, failed, skipped }) {
  for (const { file, name, reason } of skipped) {
    console.log(`skipped: ${file} > ${name}${reason === undefined ? '' : ` (${reason})`}`)
  }
  if (passed + failed === 0) console.log('No test ran; that counts as a failure.')
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
}
