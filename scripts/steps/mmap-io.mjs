// mmap-io is written against V8 (NAN), so its binary serves one Node ABI. node-pre-gyp, with which
// it looks for its binary, keeps one directory per ABI: builds for several versions of Node live
// side by side.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { packageDirectory, root } from '../workspace.mjs'

/** mmap-io as an addon to compile; none until a package depends on it. */
export function mmapIo() {
  const user = join(root, 'packages', 'storage-mmap')
  if (!existsSync(join(user, 'node_modules', 'mmap-io'))) return []
  const directory = packageDirectory('mmap-io', user)
  const abi = `node-v${process.versions.modules}-${process.platform}-${process.arch}`
  const target = join(directory, 'build', 'binding', 'Release', abi)
  return [
    {
      name: `mmap-io (${abi})`,
      directory,
      sourceBytes: 0,
      isBuilt: () => existsSync(join(target, 'mmap_io.node')),
      // Objects of another ABI would pass for up to date. The binaries beside them stay.
      prepare: () => rmSync(join(directory, 'build', 'Release'), { recursive: true, force: true }),
      gypArguments: ['--module_name=mmap_io', `--module_path=${target}`],
      environment: { CXXFLAGS: `${process.env.CXXFLAGS ?? ''} ${languageStandard()}` },
      onBuilt: () => undefined,
    },
  ]
}

// Its binding.gyp insists on C++17, but the headers of Node 23 and later need C++20. CXXFLAGS come
// last on the compiler's command line, and the last standard counts.
function languageStandard() {
  return Number(process.versions.node.split('.')[0]) >= 23 ? '-std=gnu++20' : '-std=gnu++17'
}
