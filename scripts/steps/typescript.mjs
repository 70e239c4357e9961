// TypeScript: project references, so only what changed is compiled.
import { Failure } from '../failure.mjs'
import { runVisibly } from '../processes.mjs'
import { root, toolEntry } from '../workspace.mjs'

/** Compiles src/ of every package to dist/. */
export async function buildTypeScript() {
  const code = await runVisibly(process.execPath, [toolEntry('typescript', 'tsc'), '-b'], {
    cwd: root,
  })
  if (code !== 0) throw new Failure('The TypeScript sources have errors (above).')
}
