// Installs the workspace with the pinned pnpm, fetched through npm so that nothing but Node is needed.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
console.log('installing', packageManager)
