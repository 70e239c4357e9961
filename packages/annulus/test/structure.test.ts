// The rules of CONTRIBUTING.md that a machine can check. Every rule must flag an offender made up
// for it (the canary) and pass its lawful neighbour, so that none of them goes blind.
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as files from './structure/files.js'
import * as imports from './structure/imports.js'
import * as native from './structure/native.js'
import { type Rule, readSources, type Source } from './structure/sources.js'

const sources = readSources(fileURLToPath(new URL('../../../', import.meta.url)))

interface Canary {
  /** What the repository is held to; left out where another canary of the same rule does that. */
  readonly rule?: Rule
  /** What the canary is held to, where that differs: made-up exceptions. */
  readonly tried?: Rule
  readonly offender: Readonly<Record<string, string>>
  readonly lawful: Readonly<Record<string, string>>
}

const elsewhere = '../../storage/src/memory.js'
const napiSetup = { 'packages/native/include/annulus/napi_setup.h': '#include <napi.h>' }
const errors = { 'packages/native/src/errors.ts': "export type ErrorCode =\n  | 'ANNULUS_IO'\n\n" }

const canaries: Readonly<Record<string, Canary>> = {
  'imports run one way': {
    rule: imports.importsRunOneWay,
    offender: { 'packages/core/src/a.ts': "import { x } from '@annulus/storage-mmap'" },
    lawful: {
      'packages/core/src/a.ts':
        "// from '@annulus/storage-mmap'\nimport { x } from '@annulus/hnsw'",
    },
  },
  'dynamic imports run one way': {
    tried: imports.importsRunOneWay,
    offender: { 'packages/hnsw/src/a.ts': "await import('@annulus/storage/conformance')" },
    lawful: { 'packages/storage-uring/src/a.ts': "await import('@annulus/storage/conformance')" },
  },
  'dependencies run one way': {
    rule: imports.manifestsRunOneWay,
    offender: {
      'packages/native/package.json': '{"dependencies":{"@annulus/storage":"workspace:*"}}',
    },
    lawful: { 'packages/hnsw/package.json': '{"dependencies":{"@annulus/quantization":"1"}}' },
  },
  'imports are declared': {
    rule: imports.importsAreDeclared,
    offender: {
      'packages/core/package.json': '{"dependencies":{}}',
      'packages/core/src/a.ts': "import { open } from 'lmdb'",
    },
    lawful: {
      'packages/core/package.json': '{"dependencies":{"lmdb":"1"}}',
      'packages/core/src/a.ts':
        "import { open } from 'lmdb'\nimport 'node:path'\nconst words = ['from', 'to']",
    },
  },
  'packages keep to themselves': {
    rule: imports.packagesKeepToThemselves,
    offender: { 'packages/core/test/a.test.ts': `import '${elsewhere}'` },
    lawful: { 'packages/core/test/a.test.ts': "import '../src/memory.js'" },
  },
  'project references follow dependencies': {
    rule: imports.projectReferencesFollowDependencies,
    offender: {
      'packages/hnsw/package.json': '{"dependencies":{"@annulus/native":"1"}}',
      'packages/hnsw/tsconfig.json': '{"references":[]}',
    },
    lawful: {
      'packages/hnsw/package.json': '{"dependencies":{"@annulus/native":"1","lmdb":"1"}}',
      'packages/hnsw/tsconfig.json': '{"references":[{"path":"../native"}]}',
    },
  },
  'the file system is behind FileOps': {
    rule: imports.fileSystemIsBehindFileOps,
    offender: { 'packages/core/src/a.ts': "import { readFile } from 'node:fs/promises'" },
    lawful: { 'packages/core/test/a.ts': "import { readFile } from 'node:fs/promises'" },
  },
  'permissions to use the file system are used': {
    rule: imports.permissionsAreUsed(imports.fileSystemUsers),
    tried: imports.permissionsAreUsed({ 'packages/core/src/a/': 'made up' }),
    offender: { 'packages/core/src/a/b.ts': "import { x } from './c.js'" },
    lawful: { 'packages/core/src/a/b.ts': "import { open } from 'node:fs/promises'" },
  },
  'one header includes Node-API': {
    rule: native.onlyOneHeaderIncludesNapi,
    offender: { 'packages/hnsw/native/wrap_index.cpp': '#include <napi.h>' },
    lawful: { ...napiSetup, 'packages/hnsw/native/wrap.cpp': '#include <annulus/napi_setup.h>' },
  },
  'algorithms are free of Node-API, through any header': {
    rule: native.algorithmsAreFreeOfNapi,
    offender: {
      ...napiSetup,
      'packages/native/include/annulus/task.h': '#include <annulus/napi_setup.h>',
      'packages/hnsw/native/graph.h': '#include <annulus/task.h>',
      'packages/hnsw/native/graph.cpp': '#include "graph.h"',
    },
    lawful: {
      ...napiSetup,
      'packages/hnsw/native/graph.cpp': '#include <annulus/abi.h>',
      'packages/hnsw/native/wrap_index.cpp': '#include <annulus/napi_setup.h>',
    },
  },
  'addons are loaded once': {
    rule: native.addonsAreLoadedOnce,
    offender: { 'packages/hnsw/src/index.ts': 'loadAddon<X>(import.meta.url)' },
    lawful: { 'packages/hnsw/src/native.ts': 'loadAddon<X>(import.meta.url)' },
  },
  'addons are loaded by the loader': {
    tried: native.addonsAreLoadedOnce,
    offender: { 'packages/hnsw/src/native.ts': "require('../build/Release/hnsw.node')" },
    lawful: { 'packages/native/src/addon.ts': "require('node-gyp-build')" },
  },
  'packages with an addon have a loader': {
    rule: native.addonPackagesHaveTheirLoader,
    offender: { 'packages/hnsw/binding.gyp': '{}' },
    lawful: {
      'packages/hnsw/binding.gyp': '{}',
      'packages/hnsw/src/native.ts': 'loadAddon<X>(import.meta.url)',
    },
  },
  'error codes in C++ exist': {
    rule: native.nativeErrorCodesExist,
    offender: { ...errors, 'packages/hnsw/native/wrap.cpp': 'make_error(env, "ANNULUS_OI")' },
    lawful: { ...errors, 'packages/hnsw/native/wrap.cpp': 'make_error(env, "ANNULUS_IO")' },
  },
  'files are small': {
    rule: files.filesAreSmall(files.longFiles),
    tried: files.filesAreSmall({ 'packages/core/src/b.ts': 350 }),
    offender: { 'packages/core/src/a.ts': 'x\n'.repeat(301) },
    lawful: {
      'packages/core/src/a.ts': 'x\n'.repeat(300),
      'packages/core/src/b.ts': 'x\n'.repeat(350),
      'docs/a.md': 'x\n'.repeat(1000),
    },
  },
  'exceptions for long files are kept to': {
    tried: files.filesAreSmall({ 'packages/core/src/b.ts': 350 }),
    offender: { 'packages/core/src/b.ts': 'x\n'.repeat(351) },
    lawful: {},
  },
  'exceptions for long files are needed': {
    rule: files.exceptionsAreNeeded(files.longFiles),
    tried: files.exceptionsAreNeeded({ 'packages/core/src/b.ts': 350 }),
    offender: { 'packages/core/src/b.ts': 'x\n'.repeat(300) },
    lawful: { 'packages/core/src/b.ts': 'x\n'.repeat(301) },
  },
  'names say what is inside': {
    rule: files.namesSayWhatIsInside,
    offender: { 'packages/core/src/string-utils.ts': '' },
    lawful: { 'packages/core/src/commonality.ts': '' },
  },
  'nothing is tied to one machine': {
    rule: files.nothingIsTiedToOneMachine,
    offender: { 'docs/a.md': ['see ', 'home', 'ann', 'notes'].join('/') },
    lawful: { 'docs/a.md': 'see ../data and network/home' },
  },
  'no registry is named': {
    tried: files.nothingIsTiedToOneMachine,
    offender: { '.npmrc': ['registry=https://registry', 'example', 'org'].join('.') },
    lawful: { 'docs/a.md': 'the npm registry. It serves packages.' },
  },
  'the lockfile names no host': {
    rule: files.lockfileNamesNoHost,
    offender: { 'pnpm-lock.yaml': 'resolution: {tarball: x.tgz}' },
    lawful: { 'pnpm-lock.yaml': 'resolution: {integrity: sha512-x}' },
  },
  'error codes are documented': {
    rule: files.errorCodesAreDocumented,
    offender: { ...errors, 'docs/errors.md': '## ANNULUS_OI\n' },
    lawful: { ...errors, 'docs/errors.md': '## ANNULUS_IO\n' },
  },
  'error codes are explained': {
    rule: files.errorCodesAreExplained,
    offender: { 'docs/errors.md': '## ANNULUS_IO\n\n**Cause.** A disk.\n' },
    lawful: { 'docs/errors.md': '## ANNULUS_IO\n\n**Cause.** A disk.\n\n**Remedy.** Another.\n' },
  },
  'links lead somewhere': {
    rule: files.linksLeadSomewhere,
    offender: { 'README.md': '[a](docs/a.md)', 'docs/b.md': '' },
    lawful: { 'README.md': '[a](docs/a.md) [b](docs) [c](https://c.example)', 'docs/a.md': '' },
  },
  'anchors lead somewhere': {
    tried: files.linksLeadSomewhere,
    offender: { 'docs/a.md': '# A heading\n[a](#heading)' },
    lawful: { 'docs/a.md': '# A heading, ANNULUS_X\n[a](#a-heading-annulus_x)' },
  },
}

describe('structure of the repository', () => {
  for (const [name, { rule }] of Object.entries(canaries)) {
    if (rule !== undefined) it(name, () => expect(rule(sources)).toEqual([]))
  }

  it('is read at all', () => {
    const paths = sources.map(({ path }) => path)
    expect(paths).toContain('packages/native/include/annulus/napi_setup.h')
    expect(paths).toContain('pnpm-lock.yaml')
    expect(paths).toContain('.ci/run')
    expect(native.errorCodes(sources)).toContain('ANNULUS_IO')
  })
})

describe('canaries', () => {
  for (const [name, { rule, tried = rule, offender, lawful }] of Object.entries(canaries)) {
    it(`${name}: flags an offender`, () =>
      expect(tried?.(made(offender))).toContainEqual(expect.any(String)))
    it(`${name}: passes what is lawful`, () => expect(tried?.(made(lawful))).toEqual([]))
  }
})

function made(repository: Readonly<Record<string, string>>): Source[] {
  return Object.entries(repository).map(([path, text]) => ({ path, text }))
}
