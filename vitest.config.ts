import { defineConfig } from 'vitest/config'

// Workspace packages export a `source` condition that points at their TypeScript, so tests run on
// the sources and need no `tsc -b` first. The native addons must be built (npm run build).
const conditions = ['source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'benchmarks/test/**/*.test.ts',
      'reliability/test/**/*.test.ts',
    ],
    // One process a test file: addons, mappings and rings die with it, and a crash names its file.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
  },
})
