// What each kind of record in the tables `meta` and `changes` looks like.
import { metrics } from '@annulus/native'
import type { Choice, QuantizerSettings } from '@annulus/quantization'
import type { CalibratedBeam, Calibration, RecallTable } from './calibration.js'
import type { CollectionConfig } from './collection-config.js'
import type { Change, CollectionState, SnapshotManifest } from './collection-state.js'
import type { FieldSum } from './field-sum.js'
import { limits } from './limits.js'
import {
  integers,
  listsOf,
  mapsOf,
  objectsOf,
  oneOf,
  optional,
  pairsOf,
  type Shape,
  texts,
} from './stored.js'

const counts = integers(0, limits.slotsMax)
const slots = integers(0, limits.slotsMax - 1)
/** Of a kind of quantizer; other packages name their own. */
const kinds = texts(256)
const numbers = (value: unknown): value is number => typeof value === 'number'
const settings: Shape<QuantizerSettings> = mapsOf(numbers)

/** A file beside the collection's others: no name leads anywhere else. */
const filesNamed = (kind: string) => texts(64, new RegExp(`^${kind}\\.\\d+\\.snap$`))

export const isFormat = objectsOf<{ version: number }>({ version: integers() })

export const isNextCollection = integers(1, limits.collectionsMax + 1)

export const isConfig = objectsOf<CollectionConfig>({
  number: integers(1, limits.collectionsMax),
  name: texts(limits.nameLengthMax, /^[^\p{Cc}\p{Surrogate}]*$/u),
  dimension: integers(1, limits.dimensionMax),
  metric: oneOf(metrics),
  quantization: kinds,
  quantizationSettings: optional(settings),
  m: integers(4, 128),
  efConstruct: integers(1, 65_536),
  indexedFields: listsOf(texts(limits.fieldLengthMax), limits.indexedFieldsMax),
})

/** A state says whose it is since that is kept. */
type OwnState = CollectionState & { readonly collection?: number | undefined }

const hasStateFields = objectsOf<OwnState>({
  slots: counts,
  points: counts,
  sequence: integers(),
  fields: optional(objectsOf<FieldSum>({ blocks: integers(), sum: integers(0, 2 ** 32 - 1) })),
  unindexed: optional(integers()),
  collection: optional(integers(1, limits.collectionsMax)),
})

export const isState: Shape<OwnState> = (value): value is OwnState =>
  hasStateFields(value) && value.points <= value.slots

const isChoice = objectsOf<Choice>({
  kind: kinds,
  settings,
  reason: (value): value is string => typeof value === 'string',
  countMax: optional(numbers),
})

const tablesMax = 16

const isCalibration = objectsOf<Calibration>({
  points: counts,
  queries: integers(),
  tables: listsOf(
    objectsOf<RecallTable>({
      limit: integers(1, limits.resultsMax),
      beams: listsOf(
        objectsOf<CalibratedBeam>({
          recall: numbers,
          ef: integers(1, limits.efMax),
          oversampling: numbers,
          reached: (value): value is boolean => typeof value === 'boolean',
        }),
        256,
      ),
    }),
    tablesMax,
  ),
})

export const isManifest = objectsOf<SnapshotManifest>({
  version: integers(1),
  sequence: integers(),
  slots: filesNamed('slots'),
  codes: optional(filesNamed('codes')),
  graph: optional(filesNamed('graph')),
  encoded: counts,
  linked: counts,
  trainedOn: integers(),
  choice: optional(isChoice),
  calibration: optional(isCalibration),
})

const hasChangeFields = objectsOf<Change>({
  from: counts,
  to: counts,
  reused: optional(listsOf(slots)),
  removed: listsOf(slots),
  cutFrom: optional(counts),
})

export const isChange: Shape<Change> = (value): value is Change =>
  hasChangeFields(value) && value.from <= value.to

const isKey = (value: unknown): value is Buffer => Buffer.isBuffer(value)

export const areUnindexed = listsOf(pairsOf(isKey, listsOf(slots)))
