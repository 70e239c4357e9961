// File operations with a bug on purpose: some syncs do nothing although they say so.
import { type FileOps, nodeFileOps, type OpenFile } from '@annulus/storage'

/** Files and directories with `name` in their path are never synced. */
export function filesForgetting(name: string): FileOps {
  const forgets = (path: string) => path.includes(name)
  return {
    ...nodeFileOps,
    open: async (path, mode) => {
      const file = await nodeFileOps.open(path, mode)
      return forgets(path) ? unsynced(file) : file
    },
    syncDirectory: async (path) => {
      if (!forgets(path)) await nodeFileOps.syncDirectory(path)
    },
  }
}

function unsynced(file: OpenFile): OpenFile {
  return {
    path: file.path,
    read: (bytes, position) => file.read(bytes, position),
    write: (bytes, position) => file.write(bytes, position),
    truncate: (length) => file.truncate(length),
    sync: async () => {},
    size: () => file.size(),
    close: () => file.close(),
  }
}
