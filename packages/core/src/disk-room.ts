// Whether the disk has room for a write, asked before anything of it is written.
import { AnnulusError } from '@annulus/native'
import type { FileOps } from '@annulus/storage'
import { nowMs } from './clock.js'

/** Left free by any write, so that LMDB always finds room for its pages: lmdb 3.5 does not survive it otherwise. */
const reserveBytes = 16 << 20
/** Removals give space back in the end, and need a few pages until then. */
const removalReserveBytes = 2 << 20
/** With more than this left one look lasts a while, though others write to the disk, too. */
const plentyBytes = 1 << 30
const plentyMs = 100

/** The room on the disk of one database. */
export class DiskRoom {
  readonly #path: string
  readonly #files: Pick<FileOps, 'freeBytes'>
  #free = 0
  #seenAt = Number.NEGATIVE_INFINITY

  constructor(path: string, files: Pick<FileOps, 'freeBytes'>) {
    this.#path = path
    this.#files = files
  }

  /**
   * Passes where twice `bytes` fit on the disk beside a reserve; the smaller one for removals, which have none.
   *
   * @throws AnnulusError `ANNULUS_FULL`; nothing is changed then, and writing can go on once there is room.
   */
  async check(bytes: number): Promise<void> {
    const needed = bytes === 0 ? removalReserveBytes : reserveBytes + 2 * bytes
    const isPlenty = this.#free - needed > plentyBytes && nowMs() - this.#seenAt < plentyMs
    if (!isPlenty) await this.#look()
    const free = this.#free
    if (free >= needed) {
      this.#free -= 2 * bytes
      return
    }
    throw new AnnulusError(
      'ANNULUS_FULL',
      `the disk of ${this.#path} has ${free} bytes free, and this write wants ${needed}; nothing was written`,
      { details: { path: this.#path, free, needed } },
    )
  }

  async #look(): Promise<void> {
    this.#free = (await this.#files.freeBytes?.(this.#path)) ?? Number.POSITIVE_INFINITY
    this.#seenAt = nowMs()
  }
}
