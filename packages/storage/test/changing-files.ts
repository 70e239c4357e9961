// File operations with a part replaced.
import type { FileOps, OpenFile } from '../src/file-ops.js'

/** The same operations as a plain object, to be spread. */
export function bound(files: FileOps): FileOps {
  return {
    open: (path, mode) => files.open(path, mode),
    stat: (path) => files.stat(path),
    list: (directory) => files.list(directory),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    syncDirectory: (path) => files.syncDirectory(path),
    lock: (path) => files.lock(path),
  }
}

function boundFile(file: OpenFile): OpenFile {
  return {
    path: file.path,
    read: (bytes, position) => file.read(bytes, position),
    write: (bytes, position) => file.write(bytes, position),
    truncate: (length) => file.truncate(length),
    sync: () => file.sync(),
    size: () => file.size(),
    close: () => file.close(),
  }
}

/** The same operations, but open files behave as `change` says. */
export function changingFiles(
  files: FileOps,
  change: (file: OpenFile) => Partial<OpenFile>,
): FileOps {
  return {
    ...bound(files),
    open: async (path, mode) => {
      const file = await files.open(path, mode)
      return { ...boundFile(file), ...change(file) }
    },
  }
}
