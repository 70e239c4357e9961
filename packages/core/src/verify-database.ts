// Verifies a whole database at one commit: what is open through what serves it, the rest as opening would.
import type { Pool } from '@annulus/native'
import type { FileOps, StorageFactory } from '@annulus/storage'
import type { HeldCollection } from './backup.js'
import { Catalog } from './catalog.js'
import type { CollectionConfig } from './collection-config.js'
import { CollectionStore } from './collection-store.js'
import { asDamage } from './damage.js'
import { checkNames, checkSignal, invalid } from './options.js'
import type { Store, StoreView } from './store.js'
import { Verification, type VerifyProgress, type VerifyReport } from './verify.js'

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly progress?: (progress: VerifyProgress) => void
}

export interface VerifyHost {
  readonly store: Store
  readonly catalog: Catalog
  readonly files: FileOps
  readonly storage: StorageFactory
  readonly pool: Pool
  /** The collections that are open. */
  readonly hold: () => Promise<HeldCollection[]>
}

/** Not while a collection is opened, created or dropped. */
export async function verifyDatabase(
  host: VerifyHost,
  options: VerifyOptions,
): Promise<VerifyReport> {
  checkNames(options, ['signal', 'progress'], 'verify')
  const { progress } = options
  if (progress !== undefined && typeof progress !== 'function') {
    throw invalid('progress must be a function', 'progress')
  }
  const verification = new Verification({ signal: checkSignal(options.signal), progress })
  const held = await host.hold()
  for (const { parts } of held) parts.snapshots.keepFiles = true
  let view: StoreView | undefined
  try {
    await host.store.flush()
    view = host.store.view()
    const { configs, damaged } = Catalog.read(host.store)
    for (const error of damaged) {
      verification.damage.push(asDamage(error, { collection: undefined, part: 'settings' }))
    }
    for (const config of configs) {
      const open = held.find(({ parts }) => parts.config.number === config.number)
      await verifyOne(verification, host, view, config, open)
    }
    const { damage, points } = verification
    return { ok: damage.length === 0, collections: configs.length, points, damage }
  } finally {
    view?.release()
    for (const { parts, release } of held) {
      parts.snapshots.keepFiles = false
      release()
    }
  }
}

async function verifyOne(
  verification: Verification,
  { store, catalog, files, storage, pool }: VerifyHost,
  { tables }: StoreView,
  config: CollectionConfig,
  open: HeldCollection | undefined,
): Promise<void> {
  const collection = new CollectionStore(store, config.number, tables)
  const directory = catalog.directory(config.number)
  const target = { config, collection, tables, directory, files, pool }
  try {
    const { slots } = collection.state()
    if (open !== undefined) {
      return await verification.collection({ ...target, storage: open.parts.storage })
    }
    const opened = await storage.open({
      path: `${directory}/vectors`,
      dimension: config.dimension,
      slots,
      ...(store.readOnly ? { readOnly: true } : {}),
    })
    try {
      await verification.collection({ ...target, storage: opened })
    } finally {
      await opened.close()
    }
  } catch (error) {
    verification.damage.push(asDamage(error, { collection: config.name, part: 'vector' }))
  }
}
