// A place for one test: a fresh directory, one factory, and every storage closed at the end.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pageBytes, strideOf } from '../layout.js'
import type { OpenOptions, StorageFactory, VectorStorage } from '../types.js'
import type { FactoryOptions, StorageSubject } from './subject.js'

/** The size of a segment with room for about this many vectors. */
export function segmentBytesFor(dimension: number, slots: number): number {
  const vectors = Math.ceil((slots * strideOf(dimension)) / pageBytes) * pageBytes
  return pageBytes + vectors
}

export class Site {
  readonly path: string
  readonly factory: StorageFactory
  readonly #opened: VectorStorage[]

  constructor(directory: string, factory: StorageFactory, opened: VectorStorage[] = []) {
    this.#opened = opened
    this.path = join(directory, 'vectors')
    this.factory = factory
  }

  async open(options: Partial<OpenOptions> & { readonly dimension: number }) {
    const storage = await this.factory.open({ path: this.path, ...options })
    this.#opened.push(storage)
    return storage
  }

  /** The same place, opened with another factory. */
  through(factory: StorageFactory): Site {
    return new Site(dirname(this.path), factory, this.#opened)
  }

  async closeAll(): Promise<void> {
    await Promise.allSettled(this.#opened.map((storage) => storage.close()))
  }
}

/** Runs a test at a site of its own. */
export async function atSite(
  subject: StorageSubject,
  options: FactoryOptions,
  test: (site: Site) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'annulus-conformance-'))
  const site = new Site(directory, subject.storage(options))
  try {
    await test(site)
  } finally {
    await site.closeAll()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs a test on an empty storage. */
export function onStorage(
  subject: StorageSubject,
  dimension: number,
  test: (storage: VectorStorage, site: Site) => Promise<void>,
): Promise<void> {
  const segmentBytesMax = segmentBytesFor(dimension, 10)
  return atSite(subject, { segmentBytesMax }, async (site) =>
    test(await site.open({ dimension }), site),
  )
}
