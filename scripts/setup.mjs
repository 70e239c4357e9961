// npm run setup [-- --update-lockfile]: installs the dependencies.
import { main } from './failure.mjs'
import { install } from './steps/install.mjs'

await main(() => install({ updateLockfile: process.argv.includes('--update-lockfile') }))
