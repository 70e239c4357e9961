// A vitest reporter that writes down what passed, failed and was skipped, and why, for
// scripts/test.mjs to print once vitest itself has nothing more to say.
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { root } from './workspace.mjs'

export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state) => tests.filter((test) => test.result().state === state)
    const failedModules = modules.flatMap((module) => [...module.errors()])
    const failedSuites = modules
      .flatMap((module) => [...module.children.allSuites()])
      .flatMap((suite) => [...suite.errors()])
    const summary = {
      passed: inState('passed').length,
      // A file that cannot be loaded and a hook that throws have failed too, and so has whatever
      // was thrown outside any test.
      failed:
        inState('failed').length +
        failedModules.length +
        failedSuites.length +
        unhandledErrors.length,
      skipped: inState('skipped').map((test) => ({
        file: relative(root, test.module.moduleId),
        name: test.fullName,
        reason: reasonOf(test),
      })),
    }
    writeFileSync(process.env.ANNULUS_TEST_SUMMARY, JSON.stringify(summary))
  }
}

function reasonOf(test) {
  const { note } = test.result()
  if (note !== undefined) return note
  return test.options.mode === 'todo' ? 'to do' : undefined
}
