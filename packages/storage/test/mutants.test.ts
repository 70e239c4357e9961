import { describe, expect, it } from 'vitest'
import {
  collectTests,
  runCollected,
  type StorageSubject,
  testStorage,
} from '../src/conformance/index.js'
import { memoryStorage } from '../src/memory.js'
import { fileMutants } from './file-mutants.js'
import { type Mutant, memoryCapabilities, mutants } from './mutants.js'

function testsOf(subject: StorageSubject) {
  return collectTests((runner) => testStorage(runner, subject))
}

/** Runs only the test that is to fail: the whole suite against every mutant would take minutes. */
async function isCaught({ subject, caughtBy }: Mutant): Promise<boolean> {
  const tests = testsOf(subject).filter(({ name }) => name.includes(caughtBy))
  expect(tests, `tests named ${caughtBy}`).not.toEqual([])
  const failures = await runCollected(tests, 5000)
  return failures.length > 0
}

describe('broken storages', () => {
  it('are many and different', () => {
    const names = [...mutants, ...fileMutants].map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThanOrEqual(12)
  })

  for (const mutant of [...mutants, ...fileMutants]) {
    it(`${mutant.name}: caught`, async () => {
      expect(await isCaught(mutant)).toBe(true)
    })
  }

  it('are caught for what they break: the storage they are made from passes', async () => {
    const subject = {
      name: 'intact',
      storage: () => memoryStorage({ keep: true }),
      capabilities: memoryCapabilities,
    }
    expect(await runCollected(testsOf(subject))).toEqual([])
  })
})

describe('the manifest of capabilities', () => {
  const storage = () => memoryStorage({ keep: true })

  it('must be complete and known', () => {
    const { persistent, ...incomplete } = memoryCapabilities
    expect(persistent).toBe(true)
    // Unsafe on purpose: what a caller without types may pass.
    const subject = { name: 'x', storage, capabilities: incomplete } as unknown as StorageSubject
    expect(() => testsOf(subject)).toThrow(/persistent/)
    const extra = { ...memoryCapabilities, fast: true }
    expect(() => testsOf({ name: 'x', storage, capabilities: extra })).toThrow(/fast/)
  })

  for (const denied of ['persistent', 'exclusive'] as const) {
    it(`may not deny that a storage is ${denied}`, async () => {
      const capabilities = { ...memoryCapabilities, [denied]: false }
      const failures = await runCollected(testsOf({ name: 'x', storage, capabilities, runs: 4 }))
      expect(failures.length).toBeGreaterThan(0)
    })
  }

  it('may not claim a native reader or segment files that are not there', async () => {
    const capabilities = { ...memoryCapabilities, nativeReader: true, checksums: true }
    const failures = await runCollected(testsOf({ name: 'x', storage, capabilities, runs: 4 }))
    const names = failures.map(({ name }) => name).join('\n')
    expect(names).toMatch(/native reader/)
    expect(names).toMatch(/segment files/)
  })
})
