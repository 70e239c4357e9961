/** Bounds that Annulus checks before anything changes; beyond one an operation fails with `ANNULUS_LIMIT`. */
export const limits = {
  /** Components of a vector. */
  dimensionMax: 65_535,
  /** Bytes of a string id in UTF-8. */
  idBytesMax: 512,
  /** Bytes of one encoded payload. */
  payloadBytesMax: 1 << 20,
  /** Levels of nesting in a payload. */
  payloadDepthMax: 32,
  /** Characters of a collection name. */
  nameLengthMax: 128,
  /** Points that become visible together; a larger array is applied group by group. */
  groupPointsMax: 1_000,
  /** Bytes of vectors, and of payloads, in one group. */
  groupBytesMax: 16 << 20,
  /** Results that one search may rank: limit + offset. */
  resultsMax: 10_000,
  /** Candidates that one search may rescore: oversampling × (limit + offset). */
  candidatesMax: 100_000,
  /** Size of the search beam. */
  efMax: 100_000,
  /** Queries of a batch that are searched for together. */
  batchQueriesMax: 256,
  /** Payload fields with an index. */
  indexedFieldsMax: 64,
  /** Characters of a payload field name in a filter or an index. */
  fieldLengthMax: 256,
  /** Values in one filter, over all its fields. */
  filterValuesMax: 1_000,
  /** Slots of a collection: points, and removed ones whose space is not free yet. */
  slotsMax: 2 ** 31 - 2,
  /** Collections created in the life of a database. */
  collectionsMax: 2 ** 21 - 1,
} as const
