// The directory that a backup is written to. While it is not complete it holds a file that says so, and
// no database is opened beside that file: a backup that was cancelled or cut off is never taken for one.
import { dirname, join, resolve } from 'node:path'
import { AnnulusError } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import { removeTree } from './file-tree.js'

const markerName = 'incomplete'

/** @throws AnnulusError `ANNULUS_CORRUPT` when the directory holds a backup that was not completed. */
export async function checkComplete(path: string, files: FileOps): Promise<void> {
  if ((await files.stat(join(path, markerName))) === undefined) return
  throw new AnnulusError(
    'ANNULUS_CORRUPT',
    `${path} holds a backup that was not completed; remove it`,
    { details: { path } },
  )
}

export class BackupTarget {
  readonly path: string
  readonly #files: FileOps

  private constructor(path: string, files: FileOps) {
    this.path = path
    this.#files = files
  }

  /** @throws AnnulusError `ANNULUS_EXISTS` unless the directory is missing or empty. */
  static async create(path: string, files: FileOps): Promise<BackupTarget> {
    const target = new BackupTarget(resolve(path), files)
    const found = await files.stat(target.path)
    if (found?.directory === false || (found && (await files.list(target.path)).length > 0)) {
      throw new AnnulusError('ANNULUS_EXISTS', `${path} exists and is not an empty directory`, {
        details: { path },
      })
    }
    await files.makeDirectory(target.path)
    const marker = await files.open(join(target.path, markerName), 'create')
    await marker.close()
    await files.syncDirectory(target.path)
    return target
  }

  /** From here on it is a database. Everything in it must be durable. */
  async complete(): Promise<void> {
    await this.#files.syncDirectory(this.path)
    await this.#files.syncDirectory(dirname(this.path))
    await this.#files.remove(join(this.path, markerName))
    await this.#files.syncDirectory(this.path)
  }

  /** Removes what was copied, and the mark last. */
  async discard(): Promise<void> {
    const names = (await this.#files.list(this.path)).filter((name) => name !== markerName)
    for (const name of names) await removeTree(join(this.path, name), this.#files)
    await removeTree(this.path, this.#files)
  }
}
