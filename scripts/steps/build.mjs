// Everything between a clone and code that runs.
import { buildAddons } from './addons.mjs'
import { install } from './install.mjs'
import { buildTypeScript } from './typescript.mjs'

/** Installs and compiles what is not up to date. */
export async function build() {
  await install()
  await buildAddons()
  await buildTypeScript()
}
