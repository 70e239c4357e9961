import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AnnulusError } from './errors.js'

const require = createRequire(import.meta.url)

/** What every Annulus addon exports besides its own functions. */
export interface AddonBase {
  setErrorClass(errorClass: typeof AnnulusError): void
  /** Operations begun and not yet settled in this thread. */
  pending(): number
}

declare const handleKind: unique symbol
/** An opaque native handle (a C function table); only addons can look inside. */
export interface Handle<Kind extends string> {
  readonly [handleKind]: Kind
}

/**
 * Loads the addon of the package whose source file `moduleUrl` belongs to (one level below the
 * package root): a prebuilt binary for this platform if the package carries one, else a local build.
 *
 * @throws AnnulusError `ANNULUS_UNSUPPORTED` when there is neither, with what to do.
 */
export function loadAddon<Addon extends AddonBase>(moduleUrl: string): Addon {
  const root = dirname(dirname(fileURLToPath(moduleUrl)))
  let addon: Addon
  try {
    const load: (directory: string) => Addon = require('node-gyp-build')
    addon = load(root)
  } catch (cause) {
    throw new AnnulusError(
      'ANNULUS_UNSUPPORTED',
      `no native binary for ${process.platform}-${process.arch} in ${root}: install scripts build it, so allow them and run "npm rebuild" (in a clone of Annulus "npm run build")`,
      { cause },
    )
  }
  addon.setErrorClass(AnnulusError)
  return addon
}
