// npm run build: installs, compiles the addons, compiles TypeScript; only what is not up to date.
import { main } from './failure.mjs'
import { build } from './steps/build.mjs'

await main(build)
