// The suite that every backend runs, ours and others. Bring your own test runner:
//
//   import { describe, it } from 'vitest'
//   import { testStorage } from '@annulus/storage/conformance'
//   testStorage({ describe, it }, { name: 'mine', storage: () => myStorage(), capabilities: {…} })
import { checkOptions } from '../arguments.js'
import { testBadInput } from './bad-input.js'
import { testDamage } from './damage.js'
import { testFaults } from './faults.js'
import { testLifecycle } from './lifecycle.js'
import { testModel } from './model.js'
import { testReadingAndWriting } from './reading-and-writing.js'
import { testReopening } from './reopening.js'
import { testScoring } from './scoring.js'
import { capabilityNames, type Runner, type StorageSubject } from './subject.js'

/** Declares all conformance tests for a storage. */
export function testStorage(runner: Runner, subject: StorageSubject): void {
  checkOptions('testStorage', subject, ['name', 'storage', 'capabilities', 'runs', 'seed'])
  checkOptions('capabilities', subject.capabilities, capabilityNames)
  for (const name of capabilityNames) {
    if (typeof subject.capabilities[name] !== 'boolean') {
      throw new TypeError(`capabilities must say whether the storage is ${name}`)
    }
  }
  runner.describe(`${subject.name} conforms`, () => {
    for (const part of parts) part(runner, subject)
  })
}

const parts = [
  testReadingAndWriting,
  testScoring,
  testBadInput,
  testLifecycle,
  testReopening,
  testDamage,
  testModel,
  testFaults,
]

export { type CollectedFailure, type CollectedTest, collectTests, runCollected } from './collect.js'
export { endWhileBusy } from './end-while-busy.js'
export { type Fault, type FaultKind, FaultyFiles, faultKinds } from './faulty-files.js'
export type { Capabilities, FactoryOptions, Runner, StorageSubject } from './subject.js'
