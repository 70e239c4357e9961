// Cuts the power while LMDB names pages that are not written yet, until that is noticed; then exits with 3.
import { cutPower } from '../dist/power/cuts.js'

const [directory] = process.argv.slice(2)
const { problems } = await cutPower({ states: 3_000, seed: 1, directory, metaFirst: true })
process.exitCode = problems.length > 0 ? 3 : 0
