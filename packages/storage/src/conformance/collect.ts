import type { Runner } from './subject.js'

export interface CollectedTest {
  readonly name: string
  readonly run: () => Promise<void>
}

export interface CollectedFailure {
  readonly name: string
  readonly error: unknown
}

/** Collects the tests that `register` declares, instead of handing them to a test runner. */
export function collectTests(register: (runner: Runner) => void): CollectedTest[] {
  const tests: CollectedTest[] = []
  const names: string[] = []
  register({
    describe: (name, body) => {
      names.push(name)
      body()
      names.pop()
    },
    it: (name, run) => {
      tests.push({ name: [...names, name].join(' > '), run })
    },
  })
  return tests
}

/** Runs tests one after the other; one that takes longer than `timeoutMs` has failed. */
export async function runCollected(
  tests: readonly CollectedTest[],
  timeoutMs = 10_000,
): Promise<CollectedFailure[]> {
  const failures: CollectedFailure[] = []
  for (const { name, run } of tests) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no outcome after ${timeoutMs} ms`)), timeoutMs)
    })
    try {
      await Promise.race([run(), late])
    } catch (error) {
      failures.push({ name, error })
    } finally {
      clearTimeout(timer)
    }
  }
  return failures
}
