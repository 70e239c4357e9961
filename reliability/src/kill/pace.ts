// When to strike: while a database is opened, or while it is written to.
import type { Random } from '../random.js'
import type { Moment } from './process.js'

/** Of all strikes, those that come before the database was opened and looked through. */
const earlyShare = 0.3
const workingMs = 80
/** Where operations take so much longer. */
const largeTimes = 5

/** Knows how long opening takes on this machine as it is now. */
export class Pace {
  #openingMs = 100

  opened(ms: number): void {
    this.#openingMs += (ms - this.#openingMs) / 8
  }

  moment(random: Random, large: boolean): Moment {
    if (random() < earlyShare) return { after: 'start', ms: random() * this.#openingMs }
    return { after: 'state', ms: random() * workingMs * (large ? largeTimes : 1) }
  }
}
