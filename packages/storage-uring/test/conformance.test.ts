import { isSupported } from '../src/index.js'
import { conforms } from './conformance.js'

// Where there is no ring, this is the fallback: it has to conform as well.
conforms(isSupported().supported ? 'io_uring' : 'io_uring (no ring here)', {}, true)
