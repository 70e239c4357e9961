// A collection of small limits, so that few points make it index, free slots and fill segments.
import { preadStorage } from '@annulus/storage'
import { vectors } from './world.js'

export const dimension = 8
export const tuning = { codesFrom: 50, graphFrom: 100, reclaimFrom: 20 }
export const settings = { dimension, indexedFields: ['kind'], ...tuning }
export const storage = preadStorage({ segmentBytesMax: 16_384 })

/** Points of ids from `first`, which say in which turn they were written. */
export const points = (count: number, first = 0, turn = 0) =>
  vectors(count, dimension, first + 1).map((vector, index) => ({
    id: first + index,
    vector,
    payload: { turn, kind: (first + index) % 3 },
  }))
